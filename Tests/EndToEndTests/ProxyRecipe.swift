import TestSupport

/// A recipe of the page "Behind a proxy", with the ports and files of a test.
struct ProxyRecipe {
    /// The public name in all recipes.
    static let host = "events.example.com"
    private static let page = "BehindAProxy"

    let kind: Proxy.Kind
    private var text: String

    /// - Parameter number: which one of the blocks for this proxy, from 0.
    init(_ kind: Proxy.Kind, _ number: Int = 0) throws {
        self.kind = kind
        text = try Self.block(kind.language, number)
    }

    /// The options of one of the page's commands that start a server.
    static func serverFlags(_ number: Int = 0) throws -> [String] {
        let command = try block("sh", number, beginning: "sluice serve ")
        let words = try ChildProgram.run(["sh", "-c", "sluice() { printf '%s\\n' \"$@\"; }\n" + command])
        return words.output.split(separator: "\n").dropFirst(2).map(String.init)
    }

    /// Replaces the line that begins like the one in another block of the page.
    /// - Parameter number: which one of the blocks for this proxy, from 0.
    mutating func replaceLine(beginning start: String, byBlock number: Int) throws {
        let line = try Self.block(kind.language, number).dropLast()
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let place = lines.firstIndex(where: { $0.drop { $0 == " " }.hasPrefix(start) }) else {
            throw TestFailure("the recipe for \(kind) has no line that begins with \(start)")
        }
        text = (lines[..<place] + [line] + lines[(place + 1)...]).joined(separator: "\n")
    }

    mutating func replace(_ old: String, by new: String) throws {
        guard text.contains(old) else { throw TestFailure("the recipe for \(kind) does not contain \(old)") }
        text = text.replacing(old, with: new)
    }

    /// - Parameter server: the server's port; `nil` if the recipe does not connect to a port.
    func configuration(_ server: Int?, _ port: Int, _ directory: TemporaryDirectory) throws -> String {
        var recipe = self
        switch kind {
        case .nginx: try recipe.replace("listen 80;", by: "listen 127.0.0.1:\(port);")
        case .haproxy: try recipe.replace("bind :80\n", by: "bind 127.0.0.1:\(port)\n")
        case .caddy:
            try recipe.replace("\(Self.host) {", by: "http://\(Self.host):\(port) {\n    bind 127.0.0.1")
        case .apache:
            try recipe.replace("*:80>", by: "127.0.0.1:\(port)>")
            try recipe.replace("/etc/apache2/", by: directory.path + "/")
            directory.write(try Self.block("http", 0).utf8, to: "unavailable.asis")
        case .varnish: break
        case .lighttpd:
            try recipe.replace("/etc/lighttpd/", by: directory.path + "/")
            directory.write(try Self.block("sh", 0, beginning: "case $HTTP_ACCEPT").utf8, to: "unavailable.cgi")
        }
        if let server { try recipe.replace(kind.address(8080), by: kind.address(server)) }
        return try recipe.modules() + recipe.text
    }

    /// What `a2enmod` does.
    private func modules() throws -> String {
        guard kind == .apache else { return "" }
        let names = try Self.block("sh", 0, beginning: "a2enmod ").split(whereSeparator: \.isWhitespace).dropFirst()
        // a2enmod(8) also enables what a module depends on.
        return (["proxy"] + names.map(String.init)).map(Proxy.Kind.loading).joined()
    }

    private static func block(_ language: String, _ number: Int, beginning: String = "") throws -> String {
        let blocks = try CataloguePage(page).snippets(language).filter { $0.hasPrefix(beginning) }
        guard number < blocks.count else { throw TestFailure("the page has no block \(number) of \(language)") }
        return blocks[number]
    }
}

extension Proxy.Kind {
    /// The name of its configuration's language on the page.
    fileprivate var language: String {
        switch self {
        case .caddy: "caddyfile"
        case .varnish: "vcl"
        default: rawValue
        }
    }

    /// How its configuration writes the server's address.
    fileprivate func address(_ port: Int) -> String {
        switch self {
        case .varnish: ".port = \"\(port)\""
        case .lighttpd: "\"port\" => \(port)"
        default: "127.0.0.1:\(port)"
        }
    }
}
