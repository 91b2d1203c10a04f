import EventStream
import NIOHTTP1
import StreamRuntime

/// Decides what a request gets. No I/O, and no state of its own.
struct RequestRules {
    let opener: any StreamOpener
    /// `ServerSettings.frontPage`.
    var frontPage: (@Sendable () -> [UInt8]?)?

    enum Verdict {
        case respond(Response)
        /// HEAD: what a stream would begin with, and no stream.
        case streamHead
        case open(RouteMatch, StreamRequest)
    }

    /// What is wrong with a request, whatever it asks for; the connection can't be trusted after it.
    func fault(in head: HTTPRequestHead) -> Problem? {
        let hosts = head.headers["host"].count
        if hosts > 1 || (hosts == 0 && head.version != .http1_0) {
            return Problem(400, "A request of HTTP/1.1 has exactly one Host header.")
        }
        if head.version == .http1_0, head.headers.contains(name: "transfer-encoding") {
            return Problem(400, "Transfer-Encoding is not part of HTTP/1.0.")
        }
        return nil
    }

    /// Whether somebody will look at the request's body.
    func takesBody(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .POST, let target = try? RequestTarget(head.uri) else { return false }
        return opener.route(for: target.path)?.producer.description.acceptsBody ?? false
    }

    /// - Parameters:
    ///   - body: empty unless the route takes one.
    ///   - address: the client's, without port.
    func verdict(
        on head: HTTPRequestHead, body: @autoclosure () -> [UInt8], from address: @autoclosure () -> String
    ) -> Verdict {
        let target: RequestTarget
        do throws(TargetFault) {
            target = try RequestTarget(head.uri)
        } catch {
            return .respond(Problem(400, error.description).response)
        }
        if target.path == "*" {
            return .respond(head.method == .OPTIONS ? Self.options("GET, HEAD, POST, OPTIONS") : Self.notFound(target))
        }
        guard let match = opener.route(for: target.path) else {
            return .respond(page(for: target, head.method) ?? Self.notFound(target))
        }

        let acceptsBody = match.producer.description.acceptsBody
        let allowed = acceptsBody ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD, OPTIONS"
        switch head.method {
        case .OPTIONS: return .respond(Self.options(allowed))
        case .GET, .HEAD: break
        case .POST where acceptsBody: break
        default:
            var problem = Problem(405, "This route does not answer \(head.method.rawValue).")
            problem.headers = [.init("Allow", allowed)]
            return .respond(problem.response)
        }
        guard AcceptHeader(head.headers["accept"]).allowsEventStream else {
            return .respond(
                Problem(406, "This route answers with text/event-stream, which the Accept header excludes.").response)
        }
        let parameters: any ResolvedParameters
        do throws(ParameterFault) {
            parameters = try match.producer.resolve(path: match.values, query: target.query)
        } catch {
            return .respond(Problem(error).response)
        }
        let lastEventID = lastEventID(head, target)
        if EventID.isFinished(lastEventID) { return .respond(.noContent) }
        if head.method == .HEAD { return .streamHead }
        return .open(
            match,
            StreamRequest(
                method: head.method.rawValue, path: target.path, query: target.query,
                headers: head.headers.map { StreamRequest.Field($0.name, $0.value) }, remoteAddress: address(),
                lastEventID: lastEventID, body: head.method == .POST ? body() : [], parameters: parameters))
    }

    /// An empty one means that there is none: so it says in the event stream too.
    private func lastEventID(_ head: HTTPRequestHead, _ target: RequestTarget) -> String? {
        [
            head.headers.first(name: "last-event-id"), target.queryValue("last_event_id"),
            target.queryValue("lastEventId"),
        ].lazy.compactMap(\.self).first { !$0.isEmpty }
    }

    private func page(for target: RequestTarget, _ method: HTTPMethod) -> Response? {
        guard target.path == "/", method == .GET || method == .HEAD, let page = frontPage?() else { return nil }
        return Response(status: 200, type: "text/html; charset=utf-8", body: page)
    }

    private static func notFound(_ target: RequestTarget) -> Response {
        let hint = target.path == "/" ? " The server printed its routes when it started." : ""
        return Problem(404, "No producer has a route for \(target.path).\(hint)").response
    }

    private static func options(_ allowed: String) -> Response {
        Response(status: 204, headers: [.init("Allow", allowed)])
    }
}
