package import CommandOutput
import Files
import Glibc
package import Processes
import Synchronization
import SystemCalls

/// Compiles plugins. What it writes appears under its name in one moment, and complete: a server may watch the folder.
package final class PluginBuilder: Sendable {
    package enum Outcome: Sendable {
        /// With what the compiler said, if that was kept: its warnings.
        case built(warnings: String)
        /// The sources do not compile; with what the compiler said, if that was kept.
        case failed(errors: String)
    }

    private let files: AuthoringFiles
    private let toolchain: Toolchain
    private let cache: String?
    private let choices: BuildChoices
    private let output: SpawnedProgram.Output
    private let running = Mutex<(program: SpawnedProgram?, isEnded: Bool)>((nil, false))

    /// - Parameters:
    ///   - environment: as `Toolchain` reads it; `nil`: that of this process.
    ///   - output: where the compilers' messages go.
    package init(
        files: AuthoringFiles, environment: [String: String]? = nil,
        choices: BuildChoices = BuildChoices(),
        output: SpawnedProgram.Output
    ) {
        self.files = files
        let environment = environment ?? Toolchain.ownEnvironment()
        toolchain = Toolchain(environment: environment)
        cache = try? SwiftLibrary.cacheFolder(environment: environment)
        self.choices = choices
        self.output = output
    }

    /// Compiles and links; blocks until that is done.
    /// - Parameters:
    ///   - path: the plugin's file.
    ///   - read: is told what the compiler has read besides the sources, where it is looked at.
    /// - Throws: if that was impossible for other reasons than the sources.
    package func build(
        _ sources: PluginSources, to path: String, read: ([String]) -> Void = { _ in }
    ) throws(CommandFailure) -> Outcome {
        if !choices.acceptsInsecureFiles, let objection = sources.objection {
            throw CommandFailure(objection)
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard access(folder, W_OK) == 0 else { throw CommandFailure("\(path) can't be written: \(systemError())") }
        let scratch = try ScratchFolder()
        let script = Self.script(in: scratch.path)
        try writeNewFile(CompilerWords.versionScript, to: script)
        let partial = Self.partialPath(of: path)
        defer { unlink(partial) }
        let command =
            switch sources.language {
            case .c:
                CompilerWords(include: files.include, choices: choices).c(
                    compiler: try toolchain.cCompiler(), files: sources.files, versionScript: script, output: partial,
                    flags: toolchain.flags("CFLAGS") + toolchain.flags("LDFLAGS"), libraries: toolchain.flags("LDLIBS"))
            case .swift:
                try swiftCommand(sources, scratch: scratch.path, output: partial)
            }
        let ending = try run(command, scratch: scratch.path)
        guard ending.status == 0 else {
            return .failed(errors: ending.output)
        }
        // Headers may be anywhere, and only the compiler knows where it has found them.
        if sources.language == .c, !choices.acceptsInsecureFiles {
            let files = try filesRead(by: sources, scratch: scratch.path)
            read(files)
            if let objection = PluginSources.objection(toReading: files) { throw CommandFailure(objection) }
        }
        // Servers refuse what others than its owner could change.
        var status = stat()
        if stat(partial, &status) == 0 { chmod(partial, status.st_mode & 0o755) }
        guard rename(partial, path) == 0 else { throw CommandFailure("\(path) can't be written: \(systemError())") }
        return .built(warnings: ending.output)
    }

    /// Ends what runs; nothing is built any more. Any thread.
    func end() {
        let program = running.withLock { running in
            running.isEnded = true
            return running.program
        }
        program?.end()
    }

    /// Nothing is built any more, also because this process is to end.
    var isEnded: Bool { running.withLock(\.isEnded) || Termination.isRequested }

    /// What compiling these reads: headers, and what they include. Sluice's own is not among them: it comes with this
    /// program.
    private func filesRead(by sources: PluginSources, scratch: String) throws(CommandFailure) -> [String] {
        let list = "\(scratch)/read"
        let words = CompilerWords(include: files.include, choices: choices)
        var found: Set<String> = []
        for file in sources.files {
            let ending = try run(
                words.cFilesRead(
                    compiler: try toolchain.cCompiler(), file: file, list: list, flags: toolchain.flags("CFLAGS")),
                scratch: scratch)
            guard ending.status == 0 else {
                throw CommandFailure(
                    "\(file): the compiler does not list the files that it reads (-M fails with status \(ending.status)), so it is unknown who "
                        + "can change them; use another compiler, or pass --insecure-plugins")
            }
            found.formUnion(MakeRule.prerequisites(in: String(decoding: try contents(of: list), as: UTF8.self)))
        }
        return found.subtracting(sources.files + ["\(files.include)/sluice.h"]).sorted()
    }

    private func swiftCommand(
        _ sources: PluginSources, scratch: String, output: String
    ) throws(CommandFailure) -> [String] {
        let compiler = try toolchain.swiftCompiler()
        guard let cache else {
            throw CommandFailure("no directory to cache the compiled library in: set HOME or XDG_CACHE_HOME")
        }
        let kept = try Self.made(cache)
        if !choices.acceptsInsecureFiles, let objection = WriteAccess.ofThisProcess.objection(to: kept) {
            throw CommandFailure(
                "\(kept), the cache of the compiled Swift library: \(objection)")
        }
        let words = CompilerWords(include: files.include, choices: choices, headerCache: "\(kept)/headers")
        let library = SwiftLibrary(files: files, words: words, compiler: compiler, cache: kept, scratch: scratch)
        let folder = try library.folder { command throws(CommandFailure) in
            let note = "sluice: compiling the Swift library first, once for this compiler (cached in \(kept))\n"
            writeFully(note, to: STDERR_FILENO)
            let ending = try run(command, scratch: scratch)
            // Not the author's errors, but whoever reads on needs them.
            if ending.status != 0 { writeFully(ending.output, to: STDERR_FILENO) }
            return ending
        }
        return words.swift(
            compiler: compiler, files: sources.files,
            module: CompilerWords.moduleName(for: sources.name, build: .random(in: 0 ... .max)),
            library: folder, versionScript: Self.script(in: scratch), output: output,
            flags: toolchain.flags("SWIFTFLAGS"),
            libraries: toolchain.flags("LDLIBS"))
    }

    /// Makes a folder, if it is not there.
    /// - Returns: its path without symbolic links.
    private static func made(_ folder: String) throws(CommandFailure) -> String {
        try makeFolders(folder)
        guard let path = realpath(folder, nil) else {
            throw CommandFailure("\(folder) can't be read: \(systemError())")
        }
        defer { free(path) }
        return String(cString: path)
    }

    private func run(_ command: [String], scratch: String) throws(CommandFailure) -> SpawnedProgram.Ending {
        let program = SpawnedProgram(command, output: output, temporary: scratch)
        let isEnded = running.withLock { running in
            running.program = program
            return running.isEnded
        }
        if isEnded { program.end() }
        defer { running.withLock { $0.program = nil } }
        let ending = try program.run()
        guard !self.isEnded else { throw CommandFailure("interrupted; nothing was built") }
        return ending
    }

    /// Where the linker finds what is exported.
    private static func script(in scratch: String) -> String { "\(scratch)/exports" }

    /// Beside the file, as a rename works within one file system; hidden, so that no server takes it for a plugin.
    private static func partialPath(of path: String) -> String {
        let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        return "\(path[..<start]).\(path[start...]).\(getpid()).new"
    }
}
