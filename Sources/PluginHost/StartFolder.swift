import Glibc

/// The directory in which the process was started: relative paths of the command line, the environment and the
/// configuration begin there, even if a plugin has changed the working directory since.
package struct StartFolder: Sendable {
    package static let ofThisProcess: StartFolder = {
        guard let path = getcwd(nil, 0) else { return StartFolder(path: "") }
        defer { free(path) }
        return StartFolder(path: String(cString: path))
    }()

    package init(path: String) { self.path = path }

    /// Empty if unknown: then relative paths stay as they are.
    let path: String

    /// Keeps links and "..", because only the kernel knows where they lead.
    package func absolute(_ path: String) -> String {
        guard !path.isEmpty, !path.hasPrefix("/"), !self.path.isEmpty else { return path }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2).drop { $0 == "/" } }
        if rest.isEmpty || rest == "." { return self.path }
        return self.path == "/" ? "/\(rest)" : "\(self.path)/\(rest)"
    }
}
