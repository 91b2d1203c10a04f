import CLinux
import Files
import Glibc

/// What this process uses, as far as the kernel tells; proc(5).
package struct ProcessUsage: Sendable {
    package let openDescriptors: Int
    /// The limit that applies now.
    package let maxDescriptors: Int
    package let threads: Int
    package let residentBytes: Int
    /// Of all threads, in user space and in the kernel. Seconds.
    package let processorSeconds: Double
    /// Seconds since 1970.
    package let startedAt: Double

    /// - Returns: `nil` without /proc.
    package static func now() -> ProcessUsage? {
        guard let stat = text(of: "/proc/self/stat"), let boot = bootTime,
            // The second member is the program's name in parentheses, which can contain anything.
            let fields = stat.lastIndex(of: ")").map({ stat[$0...].split(separator: " ").dropFirst() }),
            let listing = opendir("/proc/self/fd")
        else { return nil }
        defer { closedir(listing) }
        var descriptors = 0
        while let entry = readdir(listing) {
            if entry.pointee.d_name.0 != CChar(bitPattern: UInt8(ascii: ".")) { descriptors += 1 }
        }
        // From the third member on.
        let members = fields.map { Double($0) ?? 0 }
        guard members.count > 21 else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ProcessUsage(
            // Without the one of the listing.
            openDescriptors: descriptors - 1, maxDescriptors: Int(clamping: limit.rlim_cur), threads: Int(members[17]),
            residentBytes: Int(members[21]) * Int(sysconf(Int32(_SC_PAGESIZE))),
            processorSeconds: (members[11] + members[12]) / ticks, startedAt: boot + members[19] / ticks)
    }

    /// When the machine was started, in seconds since 1970.
    private static let bootTime: Double? = text(of: "/proc/stat").flatMap { text in
        text.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func text(of path: String) -> String? {
        let bytes = fileBytes(path)
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
