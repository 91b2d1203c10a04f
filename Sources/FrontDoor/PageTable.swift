import NIOHTTP1
import ProducerInterface

/// A page of the server itself, for a path that is no producer's route.
package struct Page: Sendable {
    /// What a page answers with at one moment.
    package struct Answer: Sendable {
        let status: Int
        /// The content's type: "text/html; charset=utf-8".
        let type: String
        let content: [UInt8]

        package init(status: Int = 200, type: String, content: [UInt8]) {
            self.status = status
            self.type = type
            self.content = content
        }
    }

    /// Makes an answer that can take a while: calls the function that it is given once, soon, on any thread.
    package typealias Making = @Sendable (@escaping @Sendable (Answer) -> Void) -> Void

    enum Source: Sendable {
        /// Called for each request, on the connection's thread, which must not wait; `nil`: there is no such page now.
        case atOnce(@Sendable () -> Answer?)
        case later(Making)
    }

    /// As in a request, without query: "/".
    let path: String
    let source: Source

    private init(path: String, source: Source) {
        self.path = path
        self.source = source
    }

    /// - Parameter content: called for each request, on the connection's thread; `nil`: there is no such page now.
    package init(path: String, type: String = "text/html; charset=utf-8", content: @escaping @Sendable () -> [UInt8]?) {
        self.init(path: path, source: .atOnce { content().map { Answer(type: type, content: $0) } })
    }

    /// - Parameter answer: called for each request, on the connection's thread, which must not wait.
    package init(path: String, answer: @escaping @Sendable () -> Answer) {
        self.init(path: path, source: .atOnce(answer))
    }

    /// - Parameter making: called for each request, on the connection's thread, which must not wait. The connection is
    ///   closed if its answer takes longer than `ServerSettings.pageTimeout`.
    package init(path: String, making: @escaping Making) {
        self.init(path: path, source: .later(making))
    }
}

/// The paths that the server itself answers, one row for each page.
package struct PageTable: Sendable {
    private let pages: [String: Page]
    private let isWhole: Bool

    enum Found {
        case response(Response)
        case later(Page.Making)
    }

    /// - Parameters:
    ///   - rows: each with a path of its own.
    ///   - isWhole: there is nothing else on these listeners: the table answers for all paths and methods.
    package init(_ rows: [Page] = [], isWhole: Bool = false) {
        pages = Dictionary(rows.map { ($0.path, $0) }) { _, _ in preconditionFailure("two pages have one path") }
        self.isWhole = isWhole
    }

    /// - Returns: `nil` if there is no page, or the method does not ask for one: then the path counts as one without a
    ///   route.
    func answer(to method: HTTPMethod, path: String) -> Found? {
        guard let page = pages[path] else { return isWhole ? .response(missing(path)) : nil }
        guard method == .GET || method == .HEAD else { return isWhole ? .response(Self.refusal(of: method)) : nil }
        switch page.source {
        case .later(let making): return .later(making)
        case .atOnce(let answer): return answer().map { .response(Response($0)) }
        }
    }

    private func missing(_ path: String) -> Response {
        Problem(404, "There is no page \(path) here, but \(pages.keys.sorted().joined(separator: ", ")).").response
    }

    private static func refusal(of method: HTTPMethod) -> Response {
        let allowed = "GET, HEAD, OPTIONS"
        if method == .OPTIONS { return Response(status: 204, headers: [.init("Allow", allowed)]) }
        var problem = Problem(405, "This page does not accept \(method.rawValue).")
        problem.headers = [.init("Allow", allowed)]
        return problem.response
    }
}

extension Response {
    init(_ answer: Page.Answer) {
        self.init(status: answer.status, type: answer.type, body: answer.content)
    }
}
