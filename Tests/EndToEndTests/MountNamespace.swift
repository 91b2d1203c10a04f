import Glibc
import TestSupport
import Testing

/// A namespace in which a test can mount anything without affecting others; mount_namespaces(7).
enum MountNamespace {
    /// A command line that runs a program after a shell command has changed the mounts.
    static func prefix(_ mounting: String) -> [String] {
        ["unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-c", mounting + " && exec \"$@\"", "sh"]
    }

    static func remounted(_ option: String, _ path: String = "/tmp") -> String {
        "mount --bind \(path) \(path) && mount -o remount,bind,\(option) \(path)"
    }

    /// For root in another user's namespace, the root directory belongs to an unknown user.
    static let flags = geteuid() == 0 ? [] : ["--insecure-plugins"]

    static let isPossible = (try? ChildProgram.run(prefix(remounted("noexec")) + ["true"]))?.status == 0
}

extension Trait where Self == ConditionTrait {
    static var inMountNamespaces: Self {
        .enabled("mount namespaces take root, or a kernel that lets users make them", { MountNamespace.isPossible })
    }
}
