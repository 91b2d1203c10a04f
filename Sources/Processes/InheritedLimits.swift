import CLinux
import Glibc

/// The limit of open descriptors that this process was started with. A server raises it for itself, but not for its
/// child processes: a high limit harms many programs (those that use select(2), or close every possible descriptor).
package enum InheritedLimits {
    /// A variable for plugins that start programs. It is not a setting.
    static let variable = "SLUICE_INHERITED_NOFILE"

    /// Raises the limit to the maximum, because streams need descriptors; setrlimit(2). Call it while there is only one
    /// thread.
    package static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return }
        setenv(variable, "\(limit.rlim_cur)", 1)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Restores the limit for a child process that has just been started; posix_spawn(3) has no attribute for it.
    static func restore(in child: pid_t) {
        guard let soft = ProcessEnvironment.value(of: variable).flatMap({ UInt($0) }) else { return }
        sluice_lower_limit(child, Int32(RLIMIT_NOFILE.rawValue), soft)
    }
}
