import CSluice
import TestSupport
import Testing

@testable import Sluice

private struct Greets: Producer {
    func events(for request: Request) -> AsyncStream<MessageEvent> {
        let text = request.identity.map { identity in
            "'\(identity.subject)' \(identity.claim("role") ?? "-") \(identity.claim("none") ?? "-")"
        }
        return AsyncStream { MessageEvent(text ?? "nobody") }
    }
}

extension PluginTests {
    @Suite("Who asks")
    struct IdentityTests {
        let host = FakeHost.reset()

        @Test("the subject and the claims of the token, if there is one")
        func identity() throws {
            for (claims, text) in [
                (["sub": "ann", "role": "editor"], "'ann' editor -"), (["role": #"["a","b"]"#], #"'' ["a","b"] -"#),
                (nil, "nobody"),
            ] as [([String: String]?, String)] {
                host.claims = claims
                let stream = try DrivenStream(Greets.self, on: host)
                #expect(stream.next() == .event(MessageEvent(text), wait: -1))
                #expect(stream.close())
            }
        }

        @Test("a server of version 1.0 knows nobody, and nothing beyond the end of its table is read")
        func earlierServer() throws {
            host.claims = ["sub": "ann"]
            let stream = try DrivenStream(Greets.self, on: host, table: FakeHost.earlierTable)
            #expect(stream.next() == .event("nobody", wait: -1))
            #expect(stream.close())
        }

        @Test("a plugin is declared for the server's version, as it does without what that lacks")
        func declaredVersion() throws {
            let earlier = try #require(export(Greets.self, to: FakeHost.earlierTable)).pointee
            #expect(earlier.abi_major == 1 && earlier.abi_minor == 0)
            let current = try #require(export(Greets.self, to: FakeHost.table)).pointee
            #expect(current.abi_major == 1 && current.abi_minor == SLUICE_ABI_MINOR)
        }
    }
}
