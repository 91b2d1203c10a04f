import EventStream
import Logging
import ProducerInterface
import StreamRuntime

/// What a producer may put into a response, whether its stream opens or not. Headers that only the server may set are
/// dropped and logged.
struct ProducerResponses {
    let log: QuietLog

    /// 204: there is nothing, or nothing more, to send.
    func ended(_ headers: [StreamRequest.Field]) -> Response {
        Response(status: 204, headers: permitted(headers))
    }

    func rejection(_ status: Int, _ message: String, _ headers: [StreamRequest.Field]) -> Response {
        let isError = 400...599 ~= status
        if !isError {
            log.warn(
                "a producer rejected a request with a status that is not an error",
                ["status": .stringConvertible(status)])
        }
        var problem = Problem(isError ? status : 500, message)
        problem.headers = permitted(headers)
        return problem.response
    }

    /// - Parameter code: the code under which the log says what went wrong.
    func failure(code: String) -> Response {
        var problem = Problem(500, "The stream could not be opened. The server's log says why, under this code.")
        problem.members = [("code", code)]
        return problem.response
    }

    /// The headers of a producer that it may send.
    func permitted(_ headers: [StreamRequest.Field]) -> [StreamRequest.Field] {
        for header in headers where !Self.allows(header) {
            log.warn(
                "a producer's response header was dropped: it is reserved or malformed",
                ["header": "\(header.name)"])
        }
        return headers.filter(Self.allows)
    }

    /// Whether a producer may add this header: its name must be a token, its value must not contain control characters
    /// except tabs, and headers that frame and type the response are the server's.
    static func allows(_ header: StreamRequest.Field) -> Bool {
        !header.name.isEmpty && header.name.utf8.allSatisfy(HeaderRules.isTokenByte)
            && header.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == UInt8(ascii: "\t") }
            && !HeaderRules.serverOwned.contains(header.name.lowercased())
    }
}
