import CLinux
import Files

/// The cores that this process may use: as limited by `taskset` and cpusets, and by the processor time that a container
/// or unit is allowed (cgroups(7); `CPUQuota=`, `--cpus`). At most 255, the limit for loops.
func usableCoreCount() -> Int {
    min(max(min(Int(sluice_usable_core_count()), ProcessorQuota().cores ?? .max), 1), 255)
}

/// The processor time that control groups allow.
struct ProcessorQuota {
    /// Where the hierarchy of version 2 is mounted.
    var root = "/sys/fs/cgroup"
    /// Tells the group of this process.
    var ownGroup = "/proc/self/cgroup"

    /// Whole cores, rounded up; `nil` without a quota.
    var cores: Int? {
        var group = path
        var least: Int?
        // A group has no more than those around it. In a container, its own group is the root that it sees.
        while true {
            if let cores = Self.cores(in: "\(root)\(group)/cpu.max") { least = min(cores, least ?? .max) }
            guard let slash = group.lastIndex(of: "/") else { return least ?? versionOne }
            group = String(group[..<slash])
        }
    }

    /// "/a/b"; empty for the root, and if there is no group of version 2.
    private var path: String {
        for line in Self.text(of: ownGroup).split(separator: "\n") where line.hasPrefix("0::/") {
            let path = line.dropFirst(3)
            return path == "/" || path.contains("..") ? "" : String(path)
        }
        return ""
    }

    private static func cores(in file: String) -> Int? {
        let words = text(of: file).split { $0 == " " || $0 == "\n" }
        guard words.count == 2 else { return nil }
        return cores(quota: words[0], period: words[1])
    }

    /// The hierarchy of version 1, as a container sees it.
    private var versionOne: Int? {
        let value = { (name: String) in Self.text(of: "\(root)/cpu/cpu.cfs_\(name)_us").prefix { $0 != "\n" } }
        return Self.cores(quota: value("quota"), period: value("period"))
    }

    /// - Parameter quota: microseconds of each period; "max" and -1: no limit.
    private static func cores(quota: Substring, period: Substring) -> Int? {
        guard let quota = Int(quota), let period = Int(period), quota > 0, period > 0 else { return nil }
        return (quota + period - 1) / period
    }

    private static func text(of file: String) -> String { String(decoding: fileBytes(file), as: UTF8.self) }
}
