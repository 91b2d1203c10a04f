import Glibc

/// The names that the kernel looks up, one after the other, to find what a path leads to: from the root, and along
/// every symbolic link. path_resolution(7).
package struct PathSteps: Sequence, IteratorProtocol {
    package struct Step: Sendable, Equatable {
        /// Without links, "." and "..".
        package let directory: String
        package let name: String
        /// Nothing more is looked up: this is the file, or what is missing.
        package let isLast: Bool

        package var path: String { directory == "/" ? "/\(name)" : "\(directory)/\(name)" }
    }

    /// What a symbolic link says; `nil` for anything else, and for what is not there.
    private let target: (String) -> String?
    private var directory = "/"
    /// Still to be looked up, the next one last.
    private var names: [Substring]
    private var linksLeft = 40

    /// - Parameters:
    ///   - path: one that is not absolute begins in the working directory.
    ///   - target: what a symbolic link says; `nil` for anything else.
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
            // Too many links, as in a circle: whoever opens the path is told.
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

/// The path without its last name; "." for one that has no slash.
package func directoryName(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// readlink(2).
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
