import CommandOutput
import Testing

@testable import Control

@Suite("The result of a reload")
struct ReloadOutcomeTests {
    private let outcome = ReloadOutcome(
        loaded: ["a"], replaced: ["b", "c"], unchanged: 7, refusals: ["x.so: no; mend \u{1b}[2Jit"],
        changedSettings: ["retry"], fixedSettings: ["listen"])

    @Test("has a line for each kind of change and for each refusal")
    func text() {
        #expect(
            outcome.text == """
                loaded     a
                replaced   b, c
                settings   retry
                restart    listen: take effect when the server is restarted
                unchanged  7
                refused    x.so: no; mend \\u001b[2Jit

                """)
    }

    @Test("has the documented keys, and is parsed as it was written")
    func keys() throws {
        let line = ControlAnswer(ReloadOutcome(loaded: ["a"], changedSettings: ["retry"])).line
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"changed_settings":["retry"],"fixed_settings":[],"loaded":["a"],"ok":true,"protocol":1,"#
                + #""refusals":[],"removed":[],"renamed":[],"replaced":[],"unchanged":0}"#)
        #expect(try ControlClient.decoded(ReloadOutcome.self, from: ControlAnswer(outcome).line) == outcome)
    }

    @Test("is parsed from the answers of older and newer servers")
    func otherVersions() throws {
        let sparse = try ControlClient.decoded(
            ReloadOutcome.self, from: Array(#"{"loaded":["a"],"someday":{"x":[1]}}"#.utf8))
        #expect(sparse.loaded == ["a"] && sparse.text == "loaded     a\nunchanged  0\n")
        #expect(throws: CommandFailure.self) { try ControlClient.decoded(ReloadOutcome.self, from: Array("[]".utf8)) }
    }
}
