import CLinux
import Files
import Glibc
import Processes
import Synchronization

extension NeededLibraries {
    /// Changes when the dynamic loader would find something else for these names: it covers the files themselves,
    /// wherever they may be, the libraries that they need in turn, and the loader's own list of them; ld.so(8).
    var stamp: String {
        let named = ProcessEnvironment.value(of: "LD_LIBRARY_PATH") ?? ""
        let others = named.split(separator: ":").map(String.init) + Self.standardFolders
        var found: [String: FileStamp] = [:]
        found["/etc/ld.so.cache"] = FileStamp(of: "/etc/ld.so.cache")
        // With the search folders of the libraries that led there: an old DT_RPATH applies to all of them.
        var line = [(needed: self, folders: folders)]
        while let (needed, folders) = line.popLast() {
            for name in needed.names {
                let paths = name.contains("/") ? [name] : (folders + others).map { "\($0)/\(name)" }
                for path in paths where found[path] == nil {
                    guard let stamp = FileStamp(of: path) else { continue }
                    found[path] = stamp
                    let next = Self.needed(by: path, stamp)
                    line.append((next, next.folders.map { Self.expanded($0, in: path) } + folders))
                }
            }
        }
        return found.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    /// `$ORIGIN` is the folder of the file that contains it. For the plugin itself that is the folder of its private
    /// copy, where no library is.
    private static func expanded(_ folder: String, in path: String) -> String {
        guard folder.contains("$"), let end = path.lastIndex(of: "/") else { return folder }
        return folder.replacing("${ORIGIN}", with: path[..<end]).replacing("$ORIGIN", with: path[..<end])
    }

    /// What a library needs. It is read once, until it changes: one of Swift's has 40 MB.
    private static func needed(by path: String, _ stamp: FileStamp) -> NeededLibraries {
        if let known = known.withLock({ $0[stamp] }) { return known }
        let needed = library(path).withUnsafeBytes { NeededLibraries(of: $0) }
        known.withLock { known in
            // Entries of libraries that were replaced are no longer needed.
            if known.count >= knownMax { known = [:] }
            known[stamp] = needed
        }
        return needed
    }

    private static let known = Mutex<[FileStamp: NeededLibraries]>([:])
    private static let knownMax = 1024
    /// No library is larger. Bytes.
    private static let libraryBytesMax = 1 << 30

    /// All bytes of a file that looks like a library; empty if it does not, or cannot be read.
    private static func library(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= 64,
            status.st_size <= libraryBytesMax
        else { return [] }
        let (bytes, _) = readBytes(from: descriptor, atMost: Int(status.st_size))
        // 64-bit ELF.
        return bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]) ? bytes : []
    }

    private static let standardFolders: [String] = {
        #if arch(arm64)
            let machine = "aarch64-linux-gnu"
        #else
            let machine = "x86_64-linux-gnu"
        #endif
        // The last ones are searched by ldconfig(8) in most distributions.
        return [
            "/lib/\(machine)", "/usr/lib/\(machine)", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
            "/usr/local/lib/\(machine)", "/usr/local/lib64", "/usr/local/lib",
        ]
    }()
}
