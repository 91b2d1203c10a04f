import CCalls
import CLinux
import CSluice
import Glibc
import Logging
import ProducerInterface

/// A plugin's code in memory.
///
/// It cannot be unloaded. `dlclose` of code that has run is how plugin hosts crash: a thread that it started, a timer
/// or a queued call is still inside. And a Swift image that was unmapped stays registered with the Swift runtime, so
/// that the next protocol cast anywhere in the process reads unmapped memory. A generation that stays costs some tens
/// of kilobytes.
struct Image {
    typealias Entry = @convention(c) (UnsafePointer<sluice_host>?) -> UnsafePointer<sluice_plugin>?

    static let entryName = "sluice_plugin_entry"
    let entry: Entry
    private let original: String

    /// Maps a file that will never be changed. This runs the constructors of the plugin and of what it depends on.
    /// - Parameters:
    ///   - copy: a path that was never used before: for one that it knows, the dynamic loader returns the image that it
    ///     has.
    ///   - original: the path for messages.
    /// - Precondition: `ELFImage.check` accepts the bytes.
    init(mapping copy: String, madeFrom original: String) throws(Defect) {
        self.original = original
        let place = try DynamicLoader.enter(original)
        defer { DynamicLoader.leave(place) }
        var failure = ""
        var handle = Self.open(copy, madeFrom: original, &failure)
        var added: Set<String> = []
        while handle == nil, let library = Self.missingOfSwift(in: failure), added.insert(library).inserted,
            dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) != nil
        {
            handle = Self.open(copy, madeFrom: original, &failure)
        }
        guard let handle else { throw Self.loadingFailed(failure) }
        entry = try Self.findEntry(in: handle, loadedFrom: copy)
    }

    private static func open(
        _ copy: String, madeFrom original: String, _ failure: inout String
    ) -> UnsafeMutableRawPointer? {
        // RTLD_NOW: a missing symbol is an error here, and does not end the process at its first call. RTLD_LOCAL:
        // other images do not see the plugin's symbols.
        let handle = PluginCallee(plugin: original).call(.load) { dlopen(copy, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
        if handle == nil { failure = loaderError(of: copy, madeFrom: original) }
        return handle
    }

    /// A library of Swift's runtime that the host itself does not need, such as FoundationNetworking, or one that only
    /// builds without optimisation need. A plugin has no search path for it, but the host has, and a library that the
    /// host has loaded is found in memory.
    private static func missingOfSwift(in failure: String) -> String? {
        guard let end = failure.firstRange(of: ": cannot open shared object file") else { return nil }
        let name = failure[..<end.lowerBound]
        return ["libswift", "libFoundation", "lib_Foundation"].contains(where: name.hasPrefix) ? String(name) : nil
    }

    /// Calls the entry.
    /// - Throws: the plugin's reason, if it refuses to be loaded.
    func declared(logger: Logger) throws(Defect) -> UnsafePointer<sluice_plugin> {
        let (declared, lines) = LoadThread.run(logger: logger) {
            PluginCallee(plugin: original).call(.entry) { entry(HostTable.pointer) }
        }
        guard let declared else {
            let reason = lines.isEmpty ? "and gives no reason" : "and says: " + lines.joined(separator: " / ")
            throw Defect(
                "it refuses to be loaded \(reason)", remedy: "see its documentation for what it needs",
                cause: .surroundings)
        }
        return declared
    }

    private static func findEntry(in handle: UnsafeMutableRawPointer, loadedFrom path: String) throws(Defect) -> Entry {
        guard let address = dlsym(handle, entryName) else {
            throw Defect(
                "it exports no symbol \(entryName)",
                remedy:
                    "in C, define it with SLUICE_PLUGIN(…); in Swift, with @c(sluice_plugin_entry) and export(_:to:)")
        }
        // A search by handle also finds the symbols of the libraries that the file depends on.
        var origin = sluice_address_origin()
        guard sluice_dladdr(address, &origin) != 0, let name = origin.file_name, String(cString: name) == path else {
            let other = origin.file_name.map { String(cString: $0) } ?? "another file"
            throw Defect(
                "the \(entryName) that was found is in \(other)",
                remedy: "define the entry in the plugin itself, and link no other plugin")
        }
        return unsafeBitCast(address, to: Entry.self)
    }

    /// The message of the dynamic loader, with the path that the operator knows.
    private static func loaderError(of copy: String, madeFrom original: String) -> String {
        guard let message = dlerror() else { return "no reason given" }
        let text = String(cString: message)
        return text.hasPrefix(copy + ": ")
            ? String(text.dropFirst(copy.count + 2)) : text.replacing(copy, with: original)
    }

    private static func loadingFailed(_ reason: String) -> Defect {
        let remedy =
            if reason.contains("undefined symbol") {
                "link the library that defines it (the linker flag -Wl,-z,defs reports this at build time)"
            } else if reason.contains("cannot open shared object file") {
                "install that library, or give its directory with -Wl,-rpath (an absolute path: the plugin is loaded from a copy)"
            } else if reason.contains("failed to map segment") {
                "set TMPDIR to a directory that is not mounted noexec"
            } else {
                "see ld.so(8)"
            }
        // A missing library may be installed later.
        return Defect("the dynamic loader refuses it (\(reason))", remedy: remedy, cause: .surroundings)
    }
}
