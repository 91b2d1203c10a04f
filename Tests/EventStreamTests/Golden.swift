import Glibc

/// The frames in `Tests/EventStreamTests/Golden`, written by hand from the specification.
enum Golden {
    static func bytes(_ name: String, of file: String = #filePath) throws -> [UInt8] {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        guard let stream = fopen("\(folder)/Golden/\(name).sse", "rb") else { throw Missing(name: name) }
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = fread(&bytes, 1, bytes.count, stream)
        return Array(bytes[..<count])
    }

    struct Missing: Error {
        let name: String
    }
}
