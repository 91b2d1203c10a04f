import Testing

@Suite("The lengths of types")
struct TypeLengthTests {
    /// The most lines of a type, in all of its files.
    private static let limit = 450

    @Test("no type is too long, over all of its files, to keep in mind")
    func limit() throws {
        let files = try Repository.files(in: "Sources", ".swift").map { ($0.path, $0.lines) }
        let lengths = try TypeLengths(files)
        #expect(lengths.parts.count > 300)
        #expect(lengths.parts.values.contains { Set($0.map(\.file)).count > 1 }, "no type has two files")
        for type in lengths.over(Self.limit) { Issue.record("\(type): look for the second noun in it") }
    }

    private func lengths(_ files: (String, String)...) throws -> TypeLengths {
        try TypeLengths(files.map { ($0.0, $0.1.split(separator: "\n", omittingEmptySubsequences: false)) })
    }

    @Test("a type's length is that of its declaration, its extensions and nested types, in whatever files")
    func counting() throws {
        let lengths = try lengths(
            (
                "Sources/A/One.swift",
                """
                import B
                /// Not counted.
                @usableFromInline package final class One<Element>: Base {
                    struct Nested {
                        var text = "}"
                    }
                }

                struct Nothing {}
                private func free() {
                    let struct1 = 1
                }
                """
            ),
            (
                "Sources/A/One+More.swift",
                """
                extension One.Nested {
                    func more() {}
                }

                extension One: @unchecked Sendable {}
                @MainActor
                enum Other: String {
                    case one
                }
                """
            ))
        #expect(lengths.lines(of: "A.One") == 5 + 3 + 1)
        #expect(lengths.lines(of: "A.Nothing") == 1)
        #expect(lengths.lines(of: "A.Other") == 3)
        #expect(lengths.parts.count == 3)
    }

    @Test("an extension in another target counts for the type's own; types of one name in two targets are two")
    func targets() throws {
        let lengths = try lengths(
            ("Sources/A/One.swift", "struct One {\n}\nstruct Both {\n}"),
            ("Sources/B/One.swift", "extension One {\n\n}\nstruct Both {\n\n\n}\nextension [UInt8] {\n}"))
        #expect(lengths.lines(of: "A.One") == 5 && lengths.lines(of: "B.One") == 0)
        #expect(lengths.lines(of: "A.Both") == 2 && lengths.lines(of: "B.Both") == 4)
        #expect(lengths.lines(of: "B.[UInt8") == 2)
    }

    @Test("one line over the limit, over two files, is reported with both")
    func over() throws {
        func type(_ start: String, lines: Int) -> String {
            "\(start) {\n" + String(repeating: "    //\n", count: lines - 2) + "}\n"
        }
        let fitting = try lengths(
            ("Sources/A/One.swift", type("struct One", lines: 400)),
            ("Sources/A/Two.swift", type("extension One", lines: 50)))
        #expect(fitting.over(Self.limit).isEmpty)
        let long = try lengths(
            ("Sources/A/One.swift", type("struct One", lines: 400)),
            ("Sources/A/Two.swift", type("extension One", lines: 51)))
        #expect(
            long.over(Self.limit) == ["A.One has 451 lines: Sources/A/One.swift (400), Sources/A/Two.swift (51)"])
    }

    @Test("an unclosed declaration is reported, not ignored")
    func unclosed() {
        #expect(throws: TypeLengths.Unclosed.self) {
            try lengths(("Sources/A/One.swift", "struct One {\n    var one: Int"))
        }
    }
}
