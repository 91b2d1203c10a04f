import EventStream
import NIOHTTP1
import ProducerInterface

/// An error as the client sees it: `application/problem+json` (RFC 9457), of the type "about:blank", whose title is the
/// reason phrase of the status.
struct Problem {
    let status: Int
    let detail: String
    /// Members beyond the standard ones, in this order; `nil` becomes `null`.
    var members: [(name: String, value: String?)] = []
    /// Further headers, such as `Allow`.
    var headers: [StreamRequest.Field] = []

    init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    init(_ fault: ParameterFault) {
        let given = fault.value == nil ? "is missing" : "is not valid"
        self.init(400, "The parameter “\(fault.parameter)” \(given): expected \(fault.expected).")
        members = [("parameter", fault.parameter), ("value", fault.value), ("expected", fault.expected)]
    }

    var response: Response {
        var body = Array(#"{"type":"about:blank","title":"#.utf8)
        body.appendJSON(HTTPResponseStatus(statusCode: status).reasonPhrase)
        body.append(contentsOf: #","status":\#(status),"detail":"#.utf8)
        body.appendJSON(detail)
        for member in members {
            body.append(UInt8(ascii: ","))
            body.appendJSON(member.name)
            body.append(UInt8(ascii: ":"))
            if let value = member.value { body.appendJSON(value) } else { body.append(contentsOf: "null".utf8) }
        }
        body.append(UInt8(ascii: "}"))
        return Response(status: status, type: "application/problem+json", headers: headers, body: body)
    }
}
