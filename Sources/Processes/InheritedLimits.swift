import CLinux
import Glibc

/// The limit of open descriptors that this process was started with, which a server raises for itself, and not for its
/// children: many programs do worse with a high one (select(2), or closing each descriptor that there may be).
package enum InheritedLimits {
    /// In the environment of plugins, for those that start programs. Not a setting.
    static let variable = "SLUICE_INHERITED_NOFILE"

    /// Streams need descriptors: as many as the process may have; setrlimit(2). While there is one thread.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        setenv(variable, "\(limit.rlim_cur)", 1)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Gives a child that has just been started what this process had; posix_spawn(3) has no attribute for it.
    static func restore(in child: pid_t) {
        guard let soft = ProcessEnvironment.value(of: variable).flatMap({ UInt($0) }) else { return }
        sluice_lower_limit(child, Int32(RLIMIT_NOFILE.rawValue), soft)
    }
}
