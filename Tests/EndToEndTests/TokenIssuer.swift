import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// Keys and tokens that a Python library makes, as an issuer would.
struct TokenIssuer {
    /// Contains `jwks.json`, with all keys, and `es256.pem`.
    let folder: String
    /// For each algorithm, a token for each of the claims.
    let tokens: [String: [String]]

    static let condition: ConditionTrait = .enabled(
        if: ClientTests.environment != nil, "SLUICE_TEST_VENV names no virtual environment (see Tests/README.md)")

    /// - Parameter claims: JSON objects.
    init(in folder: String, _ claims: String...) throws {
        self.folder = folder
        let made = try ChildProgram.run(
            [
                "\(ClientTests.environment ?? "")/bin/python", "\(repositoryRoot)/Tests/Clients/make_tokens.py", folder,
            ] + claims)
        guard made.status == 0 else { throw TestFailure("no tokens: \(made)") }
        tokens = try JSONDecoder().decode([String: [String]].self, from: Data(made.output.utf8))
    }

    /// The tokens for ES256, in the order of the claims.
    var es256: [String] { tokens["ES256"] ?? [] }

    /// Seconds since 1970, from now on.
    static func time(in seconds: Int) -> Int { Int(Glibc.time(nil)) + seconds }
}
