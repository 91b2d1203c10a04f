import Testing

@testable import Identity

@Suite("Required claims")
struct ClaimRequirementTests {
    private func isMet(
        _ requirements: [ClaimRequirement], _ claims: [String: ClaimValue], _ parameters: [String: String] = [:]
    ) -> Bool {
        let token = CheckedToken(claims)
        return ClaimRequirement.merged(requirements).allSatisfy { $0.isMet(by: token, $0.wanted { parameters[$0] }) }
    }

    @Test("a claim must have the value of a parameter")
    func parameter() {
        let own = [ClaimRequirement("sub", [.parameter("user")])]
        #expect(isMet(own, ["sub": .string("ann")], ["user": "ann"]))
        #expect(!isMet(own, ["sub": .string("ann")], ["user": "bob"]))
        #expect(!isMet(own, ["sub": .string("ann")], ["user": "Ann"]))
        #expect(!isMet(own, ["sub": .string("ann")]))
        #expect(!isMet(own, ["sub": .string("")], ["other": ""]))
        #expect(!isMet(own, [:], ["user": ""]))
        // They look the same, and are equal as Swift's strings.
        #expect(!isMet(own, ["sub": .string("ren\u{e9}")], ["user": "rene\u{301}"]))
    }

    @Test("a scope has words, an array has values, and nothing else has parts")
    func values() {
        let read = [ClaimRequirement("scope", [.text("read:"), .parameter("room")])]
        #expect(isMet(read, ["scope": .string("write:a read:a  admin")], ["room": "a"]))
        #expect(isMet(read, ["scope": .array([.string("read:a")])], ["room": "a"]))
        #expect(!isMet(read, ["scope": .string("read:ab xread:a read:")], ["room": "a"]))
        #expect(!isMet(read, ["scope": .string("read:a b")], ["room": "a b"]))
        #expect(!isMet(read, ["scope": .object(["read:a": .null])], ["room": "a"]))
        #expect(!isMet(read, ["scope": .array([.array([.string("read:a")])])], ["room": "a"]))
        let roles = [ClaimRequirement("roles", [.text("admin")])]
        #expect(isMet(roles, ["roles": .array([.string("x"), .string("admin")])]))
        #expect(!isMet(roles, ["roles": .string("x admin")]))
        #expect(!isMet(roles, ["roles": .string(#"["admin"]"#)]))
        #expect(isMet([ClaimRequirement("level", [.text("3")])], ["level": .integer(3)]))
        #expect(isMet([ClaimRequirement("verified", [.text("true")])], ["verified": .bool(true)]))
        #expect(!isMet([ClaimRequirement("verified", [.text("null")])], ["verified": .null]))
    }

    @Test("a parameter's value can't contain the text that ends it")
    func separators() {
        let path = [ClaimRequirement("path", [.parameter("tenant"), .text("/"), .parameter("user")])]
        #expect(isMet(path, ["path": .string("a/b/c")], ["tenant": "a", "user": "b/c"]))
        #expect(!isMet(path, ["path": .string("a/b/c")], ["tenant": "a/b", "user": "c"]))
    }

    @Test("several texts of one claim are alternatives, and every claim must be met")
    func merged() {
        let rules = [
            ClaimRequirement("scope", [.text("admin")]), ClaimRequirement("sub", [.parameter("user")]),
            ClaimRequirement("scope", [.text("read:"), .parameter("room")]),
        ]
        let parameters = ["user": "ann", "room": "a"]
        #expect(isMet(rules, ["sub": .string("ann"), "scope": .string("read:a")], parameters))
        #expect(isMet(rules, ["sub": .string("ann"), "scope": .string("admin")], parameters))
        #expect(!isMet(rules, ["sub": .string("bob"), "scope": .string("admin read:a")], parameters))
        #expect(!isMet(rules, ["sub": .string("ann")], parameters))
        // An alternative without a value for its parameter is none; the other one still is.
        #expect(isMet(rules, ["sub": .string("ann"), "scope": .string("admin")], ["user": "ann"]))
        #expect(ClaimRequirement.merged(rules).flatMap(\.parameters) == ["room", "user"])
    }
}
