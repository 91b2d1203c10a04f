package import CommandOutput
import Glibc
import SystemCalls

/// What compiling a plugin needs of Sluice: the header, and the sources of the library that plugins in Swift import.
package struct AuthoringFiles: Sendable, Equatable {
    /// The folder of `sluice.h` and its module map.
    let include: String
    /// The folder of the sources of `Sluice`.
    let library: String
    /// The package, if the command runs from its own tree.
    let package: String?

    /// Finds them from the executable: in the tree that it was built in, or, once installed as `PREFIX/bin/sluice`, in
    /// `PREFIX/share/sluice`.
    /// - Parameter executable: its path, absolute and without symbolic links.
    /// - Throws: where they were looked for.
    init(executable: String) throws(CommandFailure) {
        let folder = Self.parent(of: executable)
        let share = Self.parent(of: folder) + "/share/sluice"
        if Self.isComplete(include: "\(share)/include", library: "\(share)/Sluice") {
            (include, library, package) = ("\(share)/include", "\(share)/Sluice", nil)
            return
        }
        var tree = folder
        while !tree.isEmpty {
            if access("\(tree)/Package.swift", R_OK) == 0,
                Self.isComplete(include: "\(tree)/include", library: "\(tree)/Sources/Sluice")
            {
                (include, library, package) = ("\(tree)/include", "\(tree)/Sources/Sluice", tree)
                return
            }
            tree = Self.parent(of: tree)
        }
        throw CommandFailure(
            "sluice.h and the Swift library were not found: looked for include/ and Sluice/ in \(share), and for a source tree of "
                + "Sluice (Package.swift, include/, Sources/Sluice/) in \(folder) and the directories above it; put them beside the "
                + "executable, or run it from its source tree")
    }

    /// Those of this process.
    package static func ofThisExecutable() throws(CommandFailure) -> AuthoringFiles {
        guard let path = realpath("/proc/self/exe", nil) else {
            throw CommandFailure("/proc/self/exe can't be read: \(systemError())")
        }
        defer { free(path) }
        return try AuthoringFiles(executable: String(cString: path))
    }

    private static func isComplete(include: String, library: String) -> Bool {
        access("\(include)/sluice.h", R_OK) == 0 && access("\(include)/module.modulemap", R_OK) == 0
            && access("\(library)/Export.swift", R_OK) == 0
    }

    /// Without the last component; "" above the root.
    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
