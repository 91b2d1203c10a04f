import EventStream
import NIOHTTP1
import ProducerInterface
import StreamRuntime

/// Decides what a request gets. No I/O, and no state of its own.
struct RequestRules {
    let opener: any StreamOpener
    /// The server's own pages; a producer's route takes precedence.
    var pages = PageTable()

    enum Verdict {
        case respond(Response)
        /// The client has the end of the stream: 204, so that it does not reconnect.
        case finished(RouteMatch)
        /// HEAD: the head of a stream, without a stream.
        case streamHead
        /// One of the server's own pages, whose answer is yet to be made.
        case make(Page.Making)
        case open(RouteMatch, StreamRequest)
        /// Not now, for this reason.
        case turnAway(TurnedAway)
    }

    /// Whether a producer will read the request's body.
    func takesBody(_ head: HTTPRequestHead) -> Bool {
        guard head.method == .POST, let target = try? RequestTarget(head.uri) else { return false }
        guard let match = opener.route(for: target.path), !match.isLeaving else { return false }
        return match.producer.description.acceptsBody
    }

    /// - Parameters:
    ///   - body: empty unless the route takes one.
    ///   - address: the client's, without port.
    func verdict(
        on head: HTTPRequestHead, body: @autoclosure () -> [UInt8], from address: @autoclosure () -> String
    ) -> Verdict {
        // The target of CONNECT has a form that no other method has.
        if head.method == .CONNECT { return .respond(Problem(501, "This server is not a proxy.").response) }
        let target: RequestTarget
        do throws(TargetFault) {
            target = try RequestTarget(head.uri)
        } catch {
            return .respond(Problem(400, error.description).response)
        }
        if target.path == "*" {
            return .respond(
                head.method == .OPTIONS
                    ? Self.options("GET, HEAD, POST, OPTIONS")
                    : Problem(400, "The request target “*” is for OPTIONS only.").response)
        }
        guard let match = opener.route(for: target.path) else {
            switch pages.answer(to: head.method, path: target.path) {
            case .response(let response): return .respond(response)
            case .later(let making): return .make(making)
            case nil: return .respond(Self.notFound(target))
            }
        }

        let lastEventID = lastEventID(head, target)
        // The producer that replaces it may have other parameters and other methods.
        if match.isLeaving, head.method != .OPTIONS {
            return EventID.isFinished(lastEventID) ? .finished(match) : .turnAway(.leaving)
        }
        let acceptsBody = match.producer.description.acceptsBody
        let allowed = acceptsBody ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD, OPTIONS"
        switch head.method {
        case .OPTIONS: return .respond(Self.options(allowed))
        case .GET, .HEAD: break
        case .POST where acceptsBody: break
        default:
            var problem = Problem(405, "This route does not accept \(head.method.rawValue).")
            problem.headers = [.init("Allow", allowed)]
            return .respond(problem.response)
        }
        // Clients of language models send a POST that asks for JSON, and read the stream.
        guard head.method == .POST || AcceptHeader(head.headers["accept"]).allowsEventStream else {
            return .respond(
                Problem(406, "This route answers with text/event-stream, which the Accept header excludes.").response)
        }
        let parameters: any ResolvedParameters
        do throws(ParameterFault) {
            parameters = try match.producer.resolve(path: match.values, query: target.query)
        } catch {
            return .respond(Problem(error).response)
        }
        if EventID.isFinished(lastEventID) { return .finished(match) }
        if head.method == .HEAD { return .streamHead }
        return .open(
            match,
            StreamRequest(
                method: head.method.rawValue, path: target.path, query: target.query,
                headers: head.headers.map { StreamRequest.Field($0.name, $0.value) }, remoteAddress: address(),
                lastEventID: lastEventID, body: head.method == .POST ? body() : [], parameters: parameters))
    }

    /// An empty one means that there is none, as in the event stream.
    private func lastEventID(_ head: HTTPRequestHead, _ target: RequestTarget) -> String? {
        let values =
            head.headers["last-event-id"].map(Optional.some)
            + [target.queryValue("last_event_id"), target.queryValue("lastEventId")]
        return values.lazy.compactMap(\.self).first { !$0.isEmpty }
    }

    private static func notFound(_ target: RequestTarget) -> Response {
        let hint = target.path == "/" ? " The server printed its routes when it started." : ""
        return Problem(404, "No producer has a route for \(target.path).\(hint)").response
    }

    private static func options(_ allowed: String) -> Response {
        Response(status: 204, headers: [.init("Allow", allowed)])
    }
}
