import Glibc

/// What `swift build` left beside the running tests.
package enum BuiltProducts {
    /// The command under test: SLUICE_TEST_EXECUTABLE if that is set, e.g. to test a release build.
    package static let sluice =
        getenv("SLUICE_TEST_EXECUTABLE").map { String(cString: $0) } ?? folder(of: ownExecutable) + "/sluice"

    /// The shared object of a producer that ships, of the same build.
    package static func plugin(_ name: String) -> String { "\(folder(of: sluice))/lib\(name).so" }

    /// Where the compiler finds the modules of the same build.
    package static var modules: String { folder(of: ownExecutable) + "/Modules" }

    /// It was built: some are only where the library is that they wrap.
    package static func hasPlugin(_ name: String) -> Bool { access(plugin(name), R_OK) == 0 }

    /// The test bundle, which the package manager puts where the products are.
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
