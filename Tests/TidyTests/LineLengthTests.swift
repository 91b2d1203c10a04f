import Testing

/// Lines end at 120 columns. The formatter ensures that for code, but does not wrap comments and pages.
@Suite("The lengths of lines")
struct LineLengthTests {
    private static let limit = 120

    /// Rows of tables, code, and lines that are only a link can't be wrapped.
    @Test("a line of a page ends at 120 columns")
    func pages() throws {
        let pages = try Repository.files(in: ".", ".md")
        #expect(pages.count > 20)
        for page in pages {
            for (number, line) in Self.prose(page.lines) where line.count > Self.limit {
                Issue.record("\(page.path):\(number) has \(line.count) columns")
            }
        }
    }

    @Test("code, tables and links are not prose; the text of a list is")
    func prose() {
        let page = """
            text
                text, as no blank line comes before it
            | a | table |

                code

                code after a blank line
            ```sh
            code
            ```
            - item
                text of the item
            - https://example.org/
            - [a link](https://example.org/)
            https://example.org/ and text
            """
        let lines = Self.prose(page.split(separator: "\n", omittingEmptySubsequences: false))
        #expect(lines.map(\.number) == [1, 2, 4, 6, 11, 12, 15])
    }

    /// Except those of `sluice.h`, in whichever version: its lines are as long as they need to be.
    @Test("a line of a comment ends at 120 columns")
    func comments() throws {
        let folders = ["Sources", "Plugins", "Tests"]
        let files =
            try folders.flatMap { try Repository.files(in: $0, ".swift", ".c", ".h") }
            + [Repository.file("Package.swift")]
        #expect(files.count > 500)
        for file in files where file.name != "sluice.h" {
            for (number, line) in Self.comments(file)
            where line.count > Self.limit && !line.contains("://") && !Self.isTableRow(line) {
                Issue.record("\(file.path):\(number) has \(line.count) columns")
            }
        }
    }

    /// Of a documentation comment.
    private static func isTableRow(_ line: Substring) -> Bool {
        line.drop { $0 == " " || $0 == "/" }.hasPrefix("|")
    }

    @Test("comments are found on their own lines, in blocks, and after code")
    func finding() {
        let swift = Repository.File(
            path: "a.swift", text: "/// one\nlet two = \"/*\"\n    // three\nlet four = 4  // four\n")
        #expect(Self.comments(swift).map(\.number) == [1, 3, 4])
        let c = Repository.File(
            path: "a.c", text: "/* one\n   two */\nint three;\nint four; /* four */\n// five\nint six;")
        #expect(Self.comments(c).map(\.number) == [1, 2, 4, 5])
    }

    /// The lines with a comment, numbered from 1.
    private static func comments(_ file: Repository.File) -> [(number: Int, line: Substring)] {
        let hasBlocks = !file.path.hasSuffix(".swift")
        var isInside = false
        return file.lines.enumerated().compactMap { index, line in
            let text = line.drop { $0 == " " }
            var isComment = isInside || text.hasPrefix("//") || line.contains(" // ")
            if hasBlocks {
                isComment = isComment || line.contains("/*")
                let start = line.ranges(of: "/*").last?.lowerBound
                let end = line.ranges(of: "*/").last?.lowerBound
                if let start, end.map({ $0 < start }) ?? true {
                    isInside = true
                } else if end != nil {
                    isInside = false
                }
            }
            return isComment ? (index + 1, line) : nil
        }
    }

    /// The lines of a page that can be wrapped, numbered from 1.
    private static func prose(_ lines: [Substring]) -> [(number: Int, line: Substring)] {
        var prose: [(number: Int, line: Substring)] = []
        var isFenced = false
        var mayBeCode = true
        for (index, line) in lines.enumerated() {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("```") {
                isFenced.toggle()
            } else if !isFenced {
                let isCode = mayBeCode && line.hasPrefix("    ")
                let link = /(?:[-*] )?(?:<?https?:\S+|\[[^\]]*\](?:\(\S+\)|: \S+))/
                if !isCode && !text.hasPrefix("|") && text.wholeMatch(of: link) == nil {
                    prose.append((index + 1, line))
                }
                // An indented line is code only after a blank line or more code.
                mayBeCode = isCode || text.isEmpty
            }
        }
        return prose
    }
}
