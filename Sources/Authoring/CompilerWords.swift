/// Options for building a plugin, in addition to its sources.
package struct BuildChoices: Sendable, Equatable {
    /// Builds for a debugger instead of for speed.
    var isDebug = false
    /// Libraries to link with, as in `-l`.
    var libraries: [String] = []
    /// Also compiles files that others can change.
    var acceptsInsecureFiles = false

    package init(isDebug: Bool = false, libraries: [String] = [], acceptsInsecureFiles: Bool = false) {
        self.isDebug = isDebug
        self.libraries = libraries
        self.acceptsInsecureFiles = acceptsInsecureFiles
    }
}

/// The compilers' command lines: the flags for every plugin, in one place.
///
/// A plugin exports only its entry and has no undefined symbols (`-z defs`). All its symbols are bound when it is
/// loaded (`-z now`), and it is never unmapped (`-z nodelete`). It uses the server's Swift libraries and contains no
/// path to others.
struct CompilerWords: Sendable {
    /// The folder of `sluice.h`.
    let include: String
    let choices: BuildChoices
    /// The folder in which Swift caches compiled C headers; `nil`: its default. They contain each other's paths, so the
    /// folder's path must always be spelled the same way.
    var headerCache: String?

    /// The linker's version script, with the exported symbol.
    static let versionScript = "{ global: sluice_plugin_entry; local: *; };\n"

    private static let linking = ["-z", "defs", "-z", "now", "-z", "nodelete", "--as-needed"]

    /// - Parameters:
    ///   - compiler: the compiler and its first arguments.
    ///   - flags: the author's flags. They come last, and so take precedence.
    ///   - libraries: the author's libraries, such as `-lm`.
    func c(
        compiler: [String], files: [String], versionScript: String, output: String, flags: [String], libraries: [String]
    ) -> [String] {
        compiling(compiler, flags) + ["-o", output] + files
            + ["-Wl,\(Self.linking.joined(separator: ","))", "-Wl,--version-script=\(versionScript)"]
            + libraries + choices.libraries.map { "-l\($0)" } + ["-lm"]
    }

    /// Lists all files that the compiler reads for a file, as a rule of make(1). Only the compiler knows them.
    /// - Parameter list: the file to write the list to.
    func cFilesRead(compiler: [String], file: String, list: String, flags: [String]) -> [String] {
        compiling(compiler, flags) + ["-w", "-M", "-MT", "sources", "-MF", list, file]
    }

    /// The beginning of both command lines: with other flags, the compiler might read other headers.
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
    ///   - library: the folder with the module and the object file of the compiled `Sluice`.
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

    /// Compiles the library that Swift plugins import.
    /// - Parameter folder: where its module and its object file are written.
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

    /// Compiles all files as one module, which is faster for the few files of a plugin.
    private func language(isDebug: Bool) -> [String] {
        ["-swift-version", "6", isDebug ? "-Onone" : "-O", "-wmo", "-parse-as-library"]
            + (headerCache.map { ["-module-cache-path", $0] } ?? [])
    }

    /// A module name that no other build has. Swift looks up types by their module's name, and would always find those
    /// of the first module with that name.
    /// - Parameter name: the plugin's name; characters that an identifier can't have become "_".
    static func moduleName(for name: String, build: UInt64) -> String {
        let allowed = name.unicodeScalars.map { scalar -> Character in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
                ? Character(scalar) : "_"
        }
        let digits = String(build, radix: 16)
        return "Plugin_" + String(allowed) + "_" + String(repeating: "0", count: 16 - digits.count) + digits
    }
}
