import TestSupport
import Testing

@Suite("Mistakes of an author in Swift", .onTestThreads)
struct SwiftAuthorTests {
    private func diagnosis(of producer: String) throws -> String {
        let directory = TemporaryDirectory()
        let code = """
            import Sluice

            \(producer)

            @c(sluice_plugin_entry)
            public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
                export(Mistaken.self, to: host)
            }
            """
        let compiler = try ChildProgram.run([
            "swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-I", BuiltProducts.modules, "-I",
            "\(repositoryRoot)/include", directory.write(code.utf8, to: "mistaken.swift"),
        ])
        #expect(compiler.status != 0)
        return compiler.output
    }

    @Test("a parameter of a type that no request can have is named by the compiler")
    func parameterType() throws {
        let text = try diagnosis(
            of: """
                struct Mistaken: PollingProducer {
                    @Parameter var list: [Int]
                    mutating func next() -> Step { .end }
                }
                """)
        #expect(text.contains("'[Int]' conform to 'ParameterValue'"), "\(text)")
        #expect(text.contains("mistaken.swift:4:"), "\(text)")
    }

    @Test("a producer without events, or with events of another type, is named by the compiler")
    func noEvents() throws {
        #expect(try diagnosis(of: "struct Mistaken: Producer {}").contains("does not conform to protocol 'Producer'"))
        let text = try diagnosis(
            of: """
                struct Mistaken: Producer {
                    func events(for request: Request) -> AsyncStream<Int> { AsyncStream { 1 } }
                }
                """)
        #expect(text.contains("does not conform to protocol 'Producer'"), "\(text)")
    }
}
