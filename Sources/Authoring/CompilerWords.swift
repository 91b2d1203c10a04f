/// How a plugin is to be built, beside what its sources say.
package struct BuildChoices: Sendable, Equatable {
    /// For a debugger, not for speed.
    var isDebug = false
    /// Libraries to link with, as `-l` names them.
    var libraries: [String] = []
    /// Also compiles what others could change.
    var acceptsInsecureFiles = false

    package init(isDebug: Bool = false, libraries: [String] = [], acceptsInsecureFiles: Bool = false) {
        self.isDebug = isDebug
        self.libraries = libraries
        self.acceptsInsecureFiles = acceptsInsecureFiles
    }
}

/// The command lines of compilers: what every plugin should be built with, in one place.
///
/// A plugin exports its entry and nothing else, leaves no symbol to be found later (`-z defs`), has all of them found
/// when it is loaded (`-z now`), and is never unmapped (`-z nodelete`). Swift's own libraries are those of the server:
/// no path to others is left in it.
struct CompilerWords: Sendable {
    /// Where `sluice.h` is.
    let include: String
    let choices: BuildChoices
    /// Where Swift keeps the headers of C that it has compiled; `nil`: where it does by itself. They hold each other's
    /// paths, so that it must be a place whose path is always spelled alike.
    var headerCache: String?

    /// The linker's list of what is exported.
    static let versionScript = "{ global: sluice_plugin_entry; local: *; };\n"

    private static let linking = ["-z", "defs", "-z", "now", "-z", "nodelete", "--as-needed"]

    /// - Parameters:
    ///   - compiler: it and its first arguments.
    ///   - flags: the author's own; they come behind, and so win.
    ///   - libraries: the author's own, as `-lm`.
    func c(
        compiler: [String], files: [String], versionScript: String, output: String, flags: [String], libraries: [String]
    ) -> [String] {
        compiling(compiler, flags) + ["-o", output] + files
            + ["-Wl,\(Self.linking.joined(separator: ","))", "-Wl,--version-script=\(versionScript)"]
            + libraries + choices.libraries.map { "-l\($0)" } + ["-lm"]
    }

    /// Lists all that compiling a file reads, as a rule of make(1): what only such a compiler can know.
    /// - Parameter list: the file for it.
    func cFilesRead(compiler: [String], file: String, list: String, flags: [String]) -> [String] {
        compiling(compiler, flags) + ["-w", "-M", "-MT", "sources", "-MF", list, file]
    }

    /// What both begin with: other words might lead to other headers.
    private func compiling(_ compiler: [String], _ flags: [String]) -> [String] {
        compiler
            + [
                "-std=gnu11", choices.isDebug ? "-O0" : "-O2", "-g", "-fPIC", "-shared", "-fvisibility=hidden",
                "-pthread",
            ]
            + ["-Wall", "-Wextra", "-I\(include)"] + flags
    }

    /// - Parameters:
    ///   - module: `moduleName(for:build:)`.
    ///   - library: the compiled `Sluice`: a folder of its module and its object file.
    func swift(
        compiler: [String], files: [String], module: String, library: String, versionScript: String, output: String,
        flags: [String], libraries: [String]
    ) -> [String] {
        let linker = Self.linking + ["--version-script=\(versionScript)"]
        return compiler + language(isDebug: choices.isDebug)
            + [
                "-emit-library", "-g", "-module-name", module, "-I\(include)", "-I\(library)",
                "-no-toolchain-stdlib-rpath",
            ]
            + flags + ["-o", output] + files + ["\(library)/\(SwiftLibrary.objectName)"]
            + linker.flatMap { ["-Xlinker", $0] } + libraries + choices.libraries.map { "-l\($0)" }
    }

    /// Compiles the library that plugins in Swift import.
    /// - Parameter folder: where its module and its object file go.
    func swiftLibrary(compiler: [String], files: [String], folder: String) -> [String] {
        compiler + language(isDebug: false)
            + ["ExistentialAny", "MemberImportVisibility", "InternalImportsByDefault"].flatMap {
                ["-enable-upcoming-feature", $0]
            }
            + [
                "-module-name", "Sluice", "-I\(include)", "-emit-module", "-emit-module-path",
                "\(folder)/Sluice.swiftmodule",
            ]
            + ["-c", "-o", "\(folder)/\(SwiftLibrary.objectName)"] + files
    }

    /// All files are compiled as one, which is faster for the few that a plugin has.
    private func language(isDebug: Bool) -> [String] {
        ["-swift-version", "6", isDebug ? "-Onone" : "-O", "-wmo", "-parse-as-library"]
            + (headerCache.map { ["-module-cache-path", $0] } ?? [])
    }

    /// A name that no other build's module has: Swift looks types up by it, and would find those of the first one for
    /// ever.
    /// - Parameter name: the plugin's; what no identifier may hold becomes "_".
    static func moduleName(for name: String, build: UInt64) -> String {
        let allowed = name.unicodeScalars.map { scalar -> Character in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                ? Character(scalar) : "_"
        }
        let digits = String(build, radix: 16)
        return "Plugin_" + String(allowed) + "_" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
