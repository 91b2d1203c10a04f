import Glibc

/// The products of `swift build` beside the running tests.
package enum BuiltProducts {
    /// The command under test: SLUICE_TEST_EXECUTABLE if that is set, e.g. to test a release build.
    package static let sluice =
        getenv("SLUICE_TEST_EXECUTABLE").map { String(cString: $0) } ?? folder(of: ownExecutable) + "/sluice"

    /// The shared object of a producer that ships, from the same build.
    package static func plugin(_ name: String) -> String { "\(plugins)/lib\(name).so" }

    /// Code is not loaded from a checkout that belongs to another user, as when root runs the tests. The products are
    /// then copied.
    private static let plugins: String = {
        let built = folder(of: sluice)
        guard !isOwn else { return built }
        for file in TemporaryDirectory.entries(of: built) where file.hasPrefix("lib") && file.hasSuffix(".so") {
            copies.write(readFile("\(built)/\(file)") ?? [], to: file, mode: 0o755)
        }
        return copies.path
    }()

    /// What builds cache between tests: beside the products, if that place can be trusted.
    package static let cache = isOwn ? sluice + ".cache" : "\(copies.path)/cache"

    private static let copies: TemporaryDirectory = {
        // Globals are never destroyed, so the directory is removed when the process exits.
        atexit { copies.remove() }
        return TemporaryDirectory()
    }()

    /// Whether only root and this user can change the products, by the owners and modes of their directories.
    private static let isOwn: Bool = {
        var place = folder(of: sluice)
        while !place.isEmpty {
            var status = stat()
            let mine = stat(place, &status) == 0 && [0, geteuid()].contains(status.st_uid)
            guard mine, status.st_mode & 0o022 == 0 || status.st_mode & 0o1000 != 0 else { return false }
            place = folder(of: place)
        }
        return true
    }()

    /// The modules of the same build, for the compiler.
    package static var modules: String { folder(of: ownExecutable) + "/Modules" }

    /// Whether a plugin was built: some need an installed library.
    package static func hasPlugin(_ name: String) -> Bool { access(plugin(name), R_OK) == 0 }

    /// The test bundle, which is beside the products.
    private static let ownExecutable: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        precondition(length > 0, "this process has no executable")
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    private static func folder(of path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }
}
