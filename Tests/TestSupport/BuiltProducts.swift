import Glibc

/// What `swift build` left beside the running tests.
package enum BuiltProducts {
    /// The folder of the test bundle, which also holds the executable and the plugins that ship.
    package static let folder: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        precondition(length > 0, "this process has no executable")
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }()

    /// The command under test.
    package static var sluice: String { "\(folder)/sluice" }

    /// The shared object of a producer that ships.
    package static func plugin(_ name: String) -> String { "\(folder)/lib\(name).so" }
}
