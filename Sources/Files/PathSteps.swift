import Glibc

/// The names that the kernel looks up, one after the other, to resolve a path: from the root, and along every symbolic
/// link. path_resolution(7).
package struct PathSteps: Sequence, IteratorProtocol {
    package struct Step: Sendable, Equatable {
        /// The path of the directory, without links, "." and "..".
        package let directory: String
        package let name: String
        /// Whether the resolution ends here: at the file, or at a name that does not exist.
        package let isLast: Bool

        package var path: String { directory == "/" ? "/\(name)" : "\(directory)/\(name)" }
    }

    /// The target of a symbolic link; `nil` for other files and for names that do not exist.
    private let target: (String) -> String?
    private var directory = "/"
    /// The names still to look up, in reverse order.
    private var names: [Substring]
    private var linksLeft = 40

    /// - Parameters:
    ///   - path: the path; a relative one begins in the working directory.
    ///   - target: returns the target of a symbolic link; `nil` for anything else.
    package init(_ path: String, target: @escaping (String) -> String? = readLink) {
        self.target = target
        names = Self.reversed(path.hasPrefix("/") ? path : "\(workingDirectory())/\(path)")
    }

    package mutating func next() -> Step? {
        while let name = names.popLast() {
            if name == ".." { directory = directoryName(directory) }
            guard name != ".", name != ".." else { continue }
            let step = Step(directory: directory, name: String(name), isLast: names.isEmpty)
            guard let target = target(step.path) else {
                directory = step.path
                return step
            }
            // Too many links, as in a cycle. Opening the path will report the error.
            guard linksLeft > 0 else {
                names = []
                return step
            }
            linksLeft -= 1
            names += Self.reversed(target)
            if target.hasPrefix("/") { directory = "/" }
            return Step(directory: step.directory, name: step.name, isLast: false)
        }
        return nil
    }

    private static func reversed(_ path: String) -> [Substring] { path.split(separator: "/").reversed() }
}

/// The path without its last name; "." if it has no slash.
package func directoryName(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The target of a symbolic link; `nil` if there is none. readlink(2).
package func readLink(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = bytes.withUnsafeMutableBytes {
        readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
}

private func workingDirectory() -> String {
    guard let path = getcwd(nil, 0) else { return "" }
    defer { free(path) }
    return String(cString: path)
}
