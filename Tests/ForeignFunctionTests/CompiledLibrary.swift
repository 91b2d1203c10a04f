import Foundation
import Testing

/// C source, compiled by the system's compiler into a temporary folder and loaded. The file is then removed.
struct CompiledLibrary {
    /// From `dlopen`; never closed, so that symbols stay valid.
    private let image: UnsafeMutableRawPointer

    init(_ source: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "typed-call-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "library.c")
        try source.write(to: file, atomically: true, encoding: .utf8)
        let library = folder.appending(path: "library.so")
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments = ["cc", "-std=c11", "-O1", "-shared", "-fPIC", "-o", library.path, file.path]
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0, "the compiler refuses:\n\(source)")
        image = try #require(dlopen(library.path, RTLD_NOW | RTLD_LOCAL))
    }

    func address(of symbol: String) throws -> UnsafeRawPointer {
        UnsafeRawPointer(try #require(dlsym(image, symbol), "no symbol \(symbol)"))
    }
}
