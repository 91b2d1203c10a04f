import NIOHTTP1

/// A page of the server itself, for a path that is no producer's route.
package struct Page: Sendable {
    /// As in a request, without query: "/".
    let path: String
    /// The content's type: "text/html; charset=utf-8".
    let type: String
    /// Called for each request, on the connection's thread; `nil`: there is no such page now.
    let content: @Sendable () -> [UInt8]?

    package init(path: String, type: String = "text/html; charset=utf-8", content: @escaping @Sendable () -> [UInt8]?) {
        self.path = path
        self.type = type
        self.content = content
    }
}

/// The paths that the server itself answers, one row for each page.
package struct PageTable: Sendable {
    private let pages: [String: Page]

    /// - Parameter rows: each with a path of its own.
    package init(_ rows: [Page] = []) {
        pages = Dictionary(rows.map { ($0.path, $0) }) { _, _ in preconditionFailure("two pages have one path") }
    }

    /// - Returns: `nil` if there is no page, or the method does not ask for one: then the path counts as one without a
    ///   route.
    func response(to method: HTTPMethod, path: String) -> Response? {
        guard method == .GET || method == .HEAD, let page = pages[path], let content = page.content() else {
            return nil
        }
        return Response(status: 200, type: page.type, body: content)
    }
}
