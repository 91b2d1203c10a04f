import CLinux
import EventStream
import Files
import Glibc
import ProducerInterface
import Synchronization
import SystemCalls

/// A copy of a plugin's file that nobody else can change. It is removed with the last reference, unless it is kept, or
/// is a mapped file in memory.
///
/// A mapped file must never change: overwriting it in place would raise SIGBUS in the running code. And the code that
/// is loaded is exactly the code that was probed.
///
/// It is a file in a directory that only this user can enter. If code can be mapped from no such file (/tmp is
/// read-only, full or mounted noexec), it is a sealed file in memory; memfd_create(2).
final class PrivateCopy: Sendable {
    /// The path for the dynamic loader and for a probe: a name that no other copy has while this process lives.
    let path: String
    /// The same file, as /proc/PID/maps names it.
    let mappedPath: String
    private let place: Place
    private let isMapped = Atomic(false)
    private static let count = Atomic<UInt64>(0)

    private enum Place {
        case folder(TemporaryFolder)
        /// In a folder that the caller removes.
        case kept
        case memory(descriptor: Int32)
    }

    /// - Parameter folder: where the copy stays, so that a crash report finds the lines of the code; the creator of the
    ///   folder removes it.
    init(of file: PluginFile, keptIn folder: String? = nil, places: [String] = TemporaryPlaces.all) throws(Defect) {
        // The name is for readers of /proc/PID/maps; it can have at most 255 bytes.
        let number = Self.count.add(1, ordering: .relaxed).newValue
        let name = "\(number)-\(file.path.split(separator: "/").last?.suffix(48) ?? "plugin.so")"
        var failures: [TemporaryPlaces.Failure] = []
        for parent in folder.map({ [$0] }) ?? places {
            switch Self.write(file.bytes, to: name, in: parent) {
            case .success(let made):
                path = "\(made.path)/\(name)"
                mappedPath = path
                place = folder == nil ? .folder(made) : .kept
                return
            case .failure(let failure): failures.append(failure)
            }
        }
        switch Self.writeToMemory(file.bytes, as: TemporaryPlaces.prefix + name) {
        case .success(let descriptor):
            // Not of "self": a probe opens it, and a debugger. The number stays in use as long as the image is mapped:
            // for a name that it knows, the dynamic loader returns the image that it has.
            path = "/proc/\(readLink("/proc/self") ?? "self")/fd/\(descriptor)"
            mappedPath = "/memfd:\(TemporaryPlaces.prefix)\(name)"
            place = .memory(descriptor: descriptor)
        case .failure(let failure):
            let reasons = (failures + [failure]).map(\.description).joined(separator: "; ")
            throw Defect(
                "a private copy of it can't be created (\(reasons))",
                remedy: "\(TemporaryPlaces.remedy) and is not mounted noexec", cause: .moment)
        }
    }

    /// The dynamic loader is about to map it, and never unmaps it.
    func willBeMapped() { isMapped.store(true, ordering: .relaxed) }

    deinit {
        switch place {
        case .kept: break
        case .folder(let folder):
            unlink(path)
            folder.remove()
        case .memory(let descriptor):
            if !isMapped.load(ordering: .relaxed) { close(descriptor) }
        }
    }

    /// The copy that a line of /proc/self/maps names: its `mappedPath`.
    static func path(inMap text: String) -> String? {
        let mark = " (deleted)"
        let path = text.hasSuffix(mark) ? text.dropLast(mark.count) : text[...]
        let parts = path.split(separator: "/")
        if parts.count == 1, path.hasPrefix("/memfd:\(TemporaryPlaces.prefix)") { return String(path) }
        guard parts.count >= 2, parts[parts.count - 2].hasPrefix(TemporaryPlaces.prefix),
            parts.last?.first?.isNumber == true
        else {
            return nil
        }
        return String(path)
    }

    // MARK: A file in a directory

    /// - Returns: the folder that was created for it.
    private static func write(
        _ bytes: [UInt8], to name: String, in parent: String
    ) -> Result<TemporaryFolder, TemporaryPlaces.Failure> {
        TemporaryFolder.make(in: parent).flatMap { folder in
            let path = "\(folder.path)/\(name)"
            let failure = writeCode(bytes, to: path)
            guard failure != 0 else { return .success(folder) }
            unlink(path)
            folder.remove()
            return .failure(TemporaryPlaces.Failure(parent, systemError(failure)))
        }
    }

    /// - Returns: 0 if the file is written and can be mapped as code, otherwise an `errno`.
    private static func writeCode(_ bytes: [UInt8], to path: String) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o500)
        guard descriptor >= 0 else { return errno }
        let failure = writeAll(bytes, to: descriptor)
        let mappingFailure = failure == 0 ? tryToMap(descriptor) : failure
        // Some file systems report only now that there was no room.
        return close(descriptor) == 0 || mappingFailure != 0 ? mappingFailure : errno
    }

    /// EPERM if the file system is mounted noexec; mmap(2).
    private static func tryToMap(_ descriptor: Int32) -> Int32 {
        let memory = mmap(nil, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { return errno }
        munmap(memory, 1)
        return 0
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
                if count > 0 { written += count }
                if count < 0 && errno != EINTR { return errno }
            }
            return 0
        }
    }

    // MARK: A file in memory

    private static func writeToMemory(_ bytes: [UInt8], as name: String) -> Result<Int32, TemporaryPlaces.Failure> {
        let descriptor = sluice_memory_file(name)
        guard descriptor >= 0 else { return .failure(TemporaryPlaces.Failure("memory", systemError())) }
        var failure = writeAll(bytes, to: descriptor)
        // From now on, not even this process can change it.
        if failure == 0, fcntl(descriptor, sluice_add_seals, sluice_all_seals) != 0 { failure = errno }
        if failure == 0 { failure = tryToMap(descriptor) }
        guard failure == 0 else {
            close(descriptor)
            return .failure(TemporaryPlaces.Failure("memory", systemError(failure)))
        }
        return .success(descriptor)
    }
}
