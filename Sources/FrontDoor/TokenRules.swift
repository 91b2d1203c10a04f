package import Identity
import NIOHTTP1
import ProducerInterface

/// Which clients of a route need a token, where it can be, and what it must say.
package struct TokenRules: Sendable {
    package enum Policy: Sendable {
        case none
        /// A client without a token may ask, too, but not one whose token is not valid.
        case optional
        case required
    }

    package var policy = Policy.none
    package var checker = TokenChecker()
    /// The cookie that can have the token; `nil`: none.
    package var cookie: String?
    /// The query parameter that can have the token; `nil`: none. It reaches neither producers nor the log.
    package var query: String?
    package var requirements: [ClaimRequirement] = []

    package init() {}

    /// Checks the token of a request.
    /// - Parameter now: seconds since 1970.
    /// - Returns: `nil` for a client that has none, and needs none.
    func token(
        of head: HTTPRequestHead, _ target: RequestTarget, at now: @autoclosure () -> Double
    ) throws(TokenObjection) -> CheckedToken? {
        if policy == .none { return nil }
        guard let token = try PresentedToken.find(in: head, target, self) else {
            if policy == .optional, requirements.isEmpty { return nil }
            throw .missing
        }
        do {
            return try checker.check(token, at: now())
        } catch {
            throw .invalid(error)
        }
    }

    /// Checks what a token says against the request.
    /// - Parameter value: the text of a parameter of the request.
    func checkClaims(of token: CheckedToken?, _ value: (String) -> String?) throws(TokenObjection) {
        if requirements.isEmpty { return }
        guard let token else { throw .missing }
        for requirement in requirements where !requirement.isMet(by: token, requirement.wanted(value)) {
            throw .claim(requirement.claim, of: token.identity.subject)
        }
    }
}

/// Why a request is refused because of its token; RFC 6750 §3.
enum TokenObjection: Error, Equatable {
    case missing
    /// A part of the request that can have a token can't be understood; what is wrong with it.
    case malformed(String)
    case invalid(TokenFault)
    /// The token does not have what the route requires of this claim.
    case claim(String, of: String)

    var response: Response {
        var problem: Problem
        let challenge: String
        switch self {
        case .missing:
            problem = Problem(401, "This route needs a token.")
            challenge = ""
        case .malformed(let what):
            problem = Problem(400, what)
            challenge = Self.error("invalid_request", what)
        case .invalid(let fault):
            problem = Problem(401, fault.description)
            challenge = Self.error("invalid_token", fault.description)
        case .claim(let name, _):
            let what = "The token does not allow this request."
            problem = Problem(403, what)
            problem.members = [("claim", name)]
            challenge = Self.error("insufficient_scope", what)
        }
        problem.headers = [.init("WWW-Authenticate", #"Bearer realm="sluice""# + challenge)]
        return problem.response
    }

    private static func error(_ code: String, _ description: String) -> String {
        #", error="\#(code)", error_description="\#(description)""#
    }

    /// For the log.
    var reason: String {
        switch self {
        case .missing: "no token"
        case .malformed(let what): what
        case .invalid(let fault): fault.reason
        case .claim(let name, _): "the token's “\(name)” does not allow this request"
        }
    }

    /// Whose token it is, if that is certain.
    var subject: String? { if case .claim(_, let subject) = self { subject } else { nil } }
}
