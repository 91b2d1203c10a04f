import Glibc
import Synchronization

/// The repository's root, relative to this file.
package let repositoryRoot: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
}()

/// Compiles a fixture plugin, once per process.
///
/// A fixture is a folder `Tests/Fixtures/<name>`: `plugin.c` becomes the shared object, and `dependency.c`, if there is
/// one, a library that it is linked with. The compiler needs only the header and ordinary flags.
/// - Parameters:
///   - name: the folder's name, which names the one defect or special property of the plugin.
///   - defines: preprocessor definitions, `"NAME=value"`.
///   - headers: the folder of the `sluice.h` to compile it with.
/// - Returns: the path of the shared object, in a directory that exists as long as the process.
package func fixturePlugin(
    _ name: String, defines: [String] = [], headers: String = currentHeaders
) throws(ChildProgram.Failure) -> String {
    let key = ([name, headers] + defines).joined(separator: " ")
    let (fixture, number) = fixtures.withLock { fixtures in
        let entry = fixtures[key] ?? (CompiledFixture(), fixtures.count)
        fixtures[key] = entry
        return entry
    }
    return try fixture.path { () throws(ChildProgram.Failure) in
        try compile(name, defines: defines, headers: headers, number: number)
    }
}

/// The folder of this version's `sluice.h`.
package let currentHeaders = "\(repositoryRoot)/include"

/// The folder of `sluice.h` as it was in an earlier version of the interface, such as "1.0".
package func earlierHeaders(_ version: String) -> String { "\(repositoryRoot)/Tests/Fixtures/sluice-\(version)" }

/// A fixture that is compiled once. Several users wait for the same compilation; other fixtures are compiled meanwhile.
private final class CompiledFixture: Sendable {
    private let known = Mutex<String?>(nil)

    func path(
        compile: () throws(ChildProgram.Failure) -> String
    ) throws(ChildProgram.Failure) -> String {
        try known.withLock { known throws(ChildProgram.Failure) in
            if let path = known { return path }
            let path = try compile()
            known = path
            return path
        }
    }
}

private let fixtures = Mutex<[String: (CompiledFixture, Int)]>([:])
private let fixtureDirectory: TemporaryDirectory = {
    // Globals are never destroyed, so the directory is removed when the process exits.
    atexit { _ = fixtureDirectoryIsRemoved }
    return TemporaryDirectory()
}()
private let fixtureDirectoryIsRemoved: Void = fixtureDirectory.remove()

private func compile(
    _ name: String, defines: [String], headers: String, number: Int
) throws(ChildProgram.Failure) -> String {
    let source = "\(repositoryRoot)/Tests/Fixtures/\(name)"
    let folder = "\(fixtureDirectory.path)/\(number)"
    mkdir(folder, 0o700)
    let common =
        [
            "cc", "-std=gnu11", "-g", "-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-I\(headers)",
        ]
        + defines.map { "-D" + $0 }

    var libraries: [String] = []
    if access("\(source)/dependency.c", F_OK) == 0 {
        let library = "\(folder)/libdependency.so"
        try check(ChildProgram.run(common + ["-o", library, "\(source)/dependency.c"]), of: name)
        libraries = ["-Wl,--no-as-needed", library, "-Wl,-rpath,\(folder)"]
    }
    let plugin = "\(folder)/\(name).so"
    try check(ChildProgram.run(common + ["-o", plugin, "\(source)/plugin.c", "-pthread"] + libraries), of: name)
    chmod(plugin, 0o755)
    return plugin
}

private func check(_ compiler: ChildProgram, of name: String) throws(ChildProgram.Failure) {
    if compiler.status != 0 {
        throw ChildProgram.Failure(description: "the fixture \(name) does not compile:\n\(compiler.output)")
    }
}
