import Glibc
import TestSupport
import Testing

/// Where a test mounts what it likes, and nobody else sees it; mount_namespaces(7).
enum MountNamespace {
    /// A program that runs another where a shell command has changed what is mounted.
    static func prefix(_ mounting: String) -> [String] {
        ["unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-c", mounting + " && exec \"$@\"", "sh"]
    }

    static func remounted(_ option: String, _ path: String = "/tmp") -> String {
        "mount --bind \(path) \(path) && mount -o remount,bind,\(option) \(path)"
    }

    /// To root of a namespace that was made by somebody else, the root directory belongs to nobody known.
    static let flags = geteuid() == 0 ? [] : ["--insecure-plugins"]

    static let isPossible = (try? ChildProgram.run(prefix(remounted("noexec")) + ["true"]))?.status == 0
}

extension Trait where Self == ConditionTrait {
    static var inMountNamespaces: Self {
        .enabled("mount namespaces take root, or a kernel that lets users make them", { MountNamespace.isPossible })
    }
}
