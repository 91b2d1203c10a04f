import CLinux
import CSluice
import Glibc
import Synchronization

/// A plugin's code in memory.
///
/// There is no way to unload one. `dlclose` of code that has run is how plugin hosts crash: a thread that it started, a timer or
/// a queued call is still inside. And a Swift image that was unmapped stays registered with the Swift runtime, so that the next
/// protocol cast anywhere in the process reads unmapped memory. A generation that stays costs some tens of kilobytes.
struct Image {
    typealias Entry = @convention(c) (UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_plugin>?

    static let entryName = "sluice_plugin_entry"
    let entry: Entry

    /// Maps a private copy of the file. This runs the constructors of the plugin and of what it depends on.
    ///
    /// A copy, as a file that is mapped must never change: overwritten in place, it would raise SIGBUS in the running code. And
    /// under a name that was never used before, as the dynamic loader answers a name that it knows with the image that it has.
    /// - Precondition: `ELFImage.check` accepts the bytes.
    init(loading file: PluginFile) throws(PluginRefusal) {
        do throws(Defect) {
            entry = try PrivateCopy.make(of: file) { (copy) throws(Defect) in
                // All symbols now, so that a missing one is refused here instead of ending the process at its first call;
                // none of them for others to see.
                guard let handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
                    throw Self.loadingFailed(Self.loaderError(of: copy, madeFrom: file.path))
                }
                return try Self.findEntry(in: handle, loadedFrom: copy)
            }
        } catch {
            throw error.refusal(of: file.path)
        }
    }

    private static func findEntry(in handle: UnsafeMutableRawPointer, loadedFrom path: String) throws(Defect) -> Entry {
        guard let address = dlsym(handle, entryName) else {
            throw Defect(
                "it exports no symbol \(entryName)",
                remedy: "define it with SLUICE_PLUGIN(…) or SLUICE_EXPORT, see sluice.h")
        }
        // A search by handle also finds the symbols of the libraries that the file depends on.
        var origin = sluice_address_origin()
        guard sluice_dladdr(address, &origin) != 0, let name = origin.file_name, String(cString: name) == path else {
            let other = origin.file_name.map { String(cString: $0) } ?? "another file"
            throw Defect(
                "the \(entryName) that it finds lies in \(other)",
                remedy: "define the entry in the plugin itself, and link no other plugin")
        }
        return unsafeBitCast(address, to: Entry.self)
    }

    /// What the dynamic loader says, in terms of the file that the operator knows.
    private static func loaderError(of copy: String, madeFrom original: String) -> String {
        guard let message = dlerror() else { return "no reason given" }
        let text = String(cString: message)
        return text.hasPrefix(copy + ": ")
            ? String(text.dropFirst(copy.count + 2)) : text.replacing(copy, with: original)
    }

    private static func loadingFailed(_ reason: String) -> Defect {
        let remedy =
            if reason.contains("undefined symbol") {
                "link it with what defines the symbol (-Wl,-z,defs finds such gaps when it is built)"
            } else if reason.contains("cannot open shared object file") {
                "install that library, or say where it is with -Wl,-rpath (an absolute path: the plugin is loaded from a copy)"
            } else if reason.contains("failed to map segment") {
                "set TMPDIR to a directory that is not mounted noexec"
            } else {
                "see ld.so(8)"
            }
        return Defect("the dynamic loader refuses it (\(reason))", remedy: remedy)
    }
}

/// A copy in a directory that only this user can enter; both are gone again once the copy is mapped, or could not be.
private enum PrivateCopy {
    private static let count = Atomic<UInt64>(0)

    /// - Parameter use: gets the copy's path, under which it is there until this returns.
    static func make<Result>(
        of file: PluginFile, _ use: (String) throws(Defect) -> Result
    ) throws(Defect) -> Result {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/sluice-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Defect(
                "no private directory can be made for it in \(parent) (\(systemError()))",
                remedy: "set TMPDIR to a directory that the server's user can write to")
        }
        let directory = String(cString: made)
        defer { rmdir(directory) }

        // The name is for those who look into /proc/PID/maps; 255 bytes is the most that one may have.
        let name = file.path.split(separator: "/").last?.suffix(48) ?? "plugin.so"
        let copy = "\(directory)/\(count.add(1, ordering: .relaxed).newValue)-\(name)"
        defer { unlink(copy) }
        let failure = write(file.bytes, to: copy)
        guard failure == 0 else {
            throw Defect(
                "it can't be copied to \(parent) (\(systemError(failure)))",
                remedy: "make room there, or set TMPDIR to another place")
        }
        return try use(copy)
    }

    /// - Returns: an `errno`, or 0.
    private static func write(_ bytes: [UInt8], to path: String) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o500)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
                if count > 0 { written += count }
                if count < 0 && errno != EINTR { return errno }
            }
            return 0
        }
    }
}
