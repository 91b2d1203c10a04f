import TestSupport
import Testing

@Suite("Mistakes of Swift authors", .onTestThreads)
struct SwiftAuthorTests {
    private func plugin(of producer: String) -> String {
        """
        import Sluice

        \(producer)

        @c(sluice_plugin_entry)
        public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
            export(Mistaken.self, to: host)
        }
        """
    }

    private func diagnosis(of producer: String) throws -> String {
        let directory = TemporaryDirectory()
        let code = plugin(of: producer)
        let compiler = try ChildProgram.run([
            "swiftc", "-typecheck", "-parse-as-library", "-swift-version", "6", "-I", BuiltProducts.modules, "-I",
            "\(repositoryRoot)/include", directory.write(code.utf8, to: "mistaken.swift"),
        ])
        #expect(compiler.status != 0)
        return compiler.output
    }

    @Test("a parameter of an unsupported type is reported by the compiler")
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

    @Test("bounds for other types are reported by the compiler; a default outside its bounds is reported at load")
    func bounds() throws {
        func producer(_ parameter: String) -> String {
            "struct Mistaken: PollingProducer {\n    \(parameter)\n    mutating func next() -> Step { .end }\n}"
        }
        let text = try diagnosis(of: producer(#"@Parameter(min: "a") var name = "b""#))
        #expect(text.contains("requires that 'String' conform to 'ParameterNumber'"), "\(text)")
        let workshop = Workshop()
        workshop.write(plugin(of: producer("@Parameter(min: 1, max: 5) var limit = 7")), to: "mistaken.swift")
        let run = try workshop.sluice("run", "mistaken.swift")
        let line =
            "sluice: mistaken.swift: producer mistaken: parameters: expected a whole number from 1 to 5 after '='"
        #expect(run.status == 1 && run.output.contains(line), "\(run.output)")
    }

    @Test("a producer without events, or with events of another type, is reported by the compiler")
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
