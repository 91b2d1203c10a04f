import TestSupport
import Testing

/// A page of the documentation.
struct CataloguePage {
    static let catalogue = "\(repositoryRoot)/Sources/Sluice/Sluice.docc"

    let name: String
    private let text: String

    init(_ name: String) throws {
        self.name = name
        text = String(decoding: try #require(readFile("\(Self.catalogue)/\(name).md")), as: UTF8.self)
    }

    /// The code blocks of a language, in order.
    func snippets(_ language: String) -> [String] {
        var blocks: [String] = []
        var block: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```", let lines = block {
                blocks.append(lines.joined(separator: "\n") + "\n")
                block = nil
            } else if line == "```" + language {
                block = []
            } else {
                block?.append(line)
            }
        }
        return blocks
    }
}
