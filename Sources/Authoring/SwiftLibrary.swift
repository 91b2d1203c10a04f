import CommandOutput
import Files
import Glibc
import Processes
import SystemCalls

/// The library that plugins in Swift import, compiled once for each compiler and kept between builds.
struct SwiftLibrary {
    static let objectName = "Sluice.o"
    private static let unusedSecondsMax = 30 * 86400

    let files: AuthoringFiles
    let words: CompilerWords
    let compiler: [String]
    /// The folder of all that is kept.
    let cache: String
    /// For the compiler's temporary files.
    let scratch: String

    /// `$XDG_CACHE_HOME/sluice`, or `~/.cache/sluice`; XDG Base Directory Specification.
    static func cacheFolder(environment: [String: String]) throws(CommandFailure) -> String {
        if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return "\(folder)/sluice" }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw CommandFailure("no directory to cache the compiled library in: set HOME or XDG_CACHE_HOME")
        }
        return "\(home)/.cache/sluice"
    }

    /// What the compiled library depends on, as one short text.
    /// - Parameters:
    ///   - version: what the compiler says of itself.
    ///   - command: how it is called.
    ///   - sources: names and contents, in the order of the call.
    static func key(version: String, command: [String], sources: [(name: String, content: [UInt8])]) -> String {
        var bytes = Array(version.utf8)
        // Lengths keep one text from running into the next.
        for word in command { bytes += Array("\n\(word.utf8.count) \(word)".utf8) }
        for source in sources { bytes += Array("\n\(source.content.count) \(source.name)\n".utf8) + source.content }
        return bytes.withUnsafeBytes { "\(ContentID(of: $0))" }
    }

    /// The folder of the compiled library, which is compiled now if it is not there. Two builds may do that at the same
    /// time: each does so in a folder of its own, and the first to rename its folder wins.
    /// - Parameter run: runs a compiler, its errors passed on.
    /// - Throws: if it cannot be compiled or kept.
    func folder(run: ([String]) throws(CommandFailure) -> SpawnedProgram.Ending) throws(CommandFailure) -> String {
        let names = try names(in: files.library).filter { $0.hasSuffix(".swift") && !$0.hasPrefix(".") }
        let paths = names.map { "\(files.library)/\($0)" }
        var sources: [(name: String, content: [UInt8])] = []
        for path in paths + ["\(files.include)/sluice.h"] { sources.append((path, try contents(of: path))) }
        let version = try SpawnedProgram(compiler + ["--version"], output: .kept, temporary: scratch).run()
        guard version.status == 0 else {
            throw CommandFailure("\(compiler[0]) --version fails with status \(version.status): \(version.output)")
        }
        let command = words.swiftLibrary(compiler: compiler, files: paths, folder: "")
        let key = Self.key(version: version.output, command: command, sources: sources)
        let folder = "\(cache)/\(key)"
        // Now: that tells what is in use.
        for used in [folder, words.headerCache].compactMap(\.self) { utimes(used, nil) }
        Self.prune(cache, now: time(nil))
        if access("\(folder)/\(Self.objectName)", R_OK) == 0 { return folder }

        let partial = "\(cache)/.\(key).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        try makeFolders(partial)
        defer { removeTree(partial) }
        let ending = try run(words.swiftLibrary(compiler: compiler, files: paths, folder: partial))
        guard ending.status == 0 else {
            throw CommandFailure(
                "the Swift library in \(files.library) does not compile with \(compiler[0]); Swift 6.3 or later is needed"
            )
        }
        if rename(partial, folder) != 0, access("\(folder)/\(Self.objectName)", R_OK) != 0 {
            throw CommandFailure("\(folder) can't be created: \(systemError())")
        }
        return folder
    }

    /// Removes what no build has used for a month: the libraries for compilers and versions that are gone, and what a
    /// build that was killed has left.
    /// - Parameter now: seconds since 1970.
    static func prune(_ cache: String, now: time_t) {
        for name in (try? names(in: cache)) ?? [] {
            var status = stat()
            guard stat("\(cache)/\(name)", &status) == 0, now - status.st_mtim.tv_sec > unusedSecondsMax else {
                continue
            }
            removeTree("\(cache)/\(name)")
        }
    }
}
