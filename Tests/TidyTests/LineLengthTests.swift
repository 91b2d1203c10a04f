import Testing

/// Lines end at 120 columns. The formatter sees to that in code, but breaks neither comments nor pages.
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
