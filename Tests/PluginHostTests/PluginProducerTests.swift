import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("A plugin's producer")
struct PluginProducerTests {
    @Test(
        "open's answers become outcomes",
        arguments: [
            ("ok", "opened X-One=1,Set-Cookie=a=b"),
            ("end", "ended"),
            ("reject", "rejected 409 somebody else was first"),
            ("reject-silently", "rejected 500 The producer refused the request."),
            ("reject-with-200", "failed host->reject was given the status 200, which is not from 400 to 599"),
            ("nonsense", "failed open answered 77, which is not one of SLUICE_OPEN_…"),
            ("pending", "pending"),
            ("answered-early", "opened X-Early=yes"),
        ])
    func answers(name: String, outcome: String) throws {
        let stream = try HandDrivenStream(loadFixture("AnswersAsTold"), name)
        #expect(try stream.open().text == outcome)
        // An open that is over leaves nothing behind.
        #expect((StreamMaps.opening[stream.token] == nil) == (name != "pending"))
        StreamMaps.opening.remove(stream.token)
        free(stream)
    }

    @Test("every type arrives in C as it was sent")
    func parameters() throws {
        let stream = try HandDrivenStream(loadFixture("EchoesParameters"), "echo")
        let request = try stream.request(
            path: [.init("name", "grün & weiß")],
            query: [
                .init("yes", "false"), .init("i", "-2147483648"), .init("l", "9223372036854775807"),
                .init("u", "4294967295"), .init("m", "18446744073709551615"), .init("f", "1.5"), .init("d", "-2.25e10"),
                .init("note", ""),
            ])
        #expect(try stream.open(request).text == "opened ")
        _ = stream.pull()
        #expect(
            stream.text()
                == "data: 0 -2147483648 9223372036854775807 4294967295 18446744073709551615 1.5 -2.25e+10 [grün & weiß] []\n\n"
        )
        #expect(stream.close(.completed))
    }

    @Test("defaults stand in for what is missing, and an absent optional text is NULL")
    func defaults() throws {
        let stream = try HandDrivenStream(loadFixture("EchoesParameters"), "echo")
        _ = try stream.open(stream.request(path: [.init("name", "x")]))
        _ = stream.pull()
        #expect(stream.text() == "data: 1 -1 -2 3 4 0.5 0.25 [x] [NULL]\n\n")
        #expect(stream.close(.completed))
    }

    @Test("the route's values come before the query's, and the first of a name counts")
    func precedence() throws {
        let producer = try #require(loadFixture("EchoesParameters").producers.first)
        let resolved = try producer.resolve(
            path: [.init("name", "route")],
            query: [
                .init("name", "query"), .init("i", "1"), .init("i", "2"), .init("unknown", "x"),
                .init("note", "a&b c%"),
            ])
        #expect(
            resolved.canonical == "yes=true&i=1&l=-2&u=3&m=4&f=0.5&d=0.25&name=route&note=a%26b%20c%25")
    }

    @Test("a value that is missing or wrong names the parameter, the value and what was expected")
    func faults() throws {
        let producer = try #require(loadFixture("EchoesParameters").producers.first)
        let missing = #expect(throws: ParameterFault.self) { try producer.resolve(path: [], query: []) }
        #expect(missing == ParameterFault(parameter: "name", value: nil, expected: "text"))
        let wrong = #expect(throws: ParameterFault.self) {
            try producer.resolve(path: [.init("name", "x")], query: [.init("u", "-1")])
        }
        #expect(wrong == ParameterFault(parameter: "u", value: "-1", expected: "a whole number from 0 to 4294967295"))
        let beyond = #expect(throws: ParameterFault.self) {
            try producer.resolve(path: [.init("name", "x")], query: [.init("f", "1e9")])
        }
        #expect(beyond == ParameterFault(parameter: "f", value: "1e9", expected: "a number from -1 to 1000"))
        let nul = #expect(throws: ParameterFault.self) {
            try producer.resolve(path: [.init("name", "a\0b")], query: [])
        }
        #expect(nul?.parameter == "name" && nul?.value == "a\0b")
    }

    @Test("close passes the reason, and tells a close that comes later")
    func close() throws {
        let plugin = try loadFixture("AnswersAsTold")
        for (name, isOver) in [("ok", true), ("closes-later", false)] {
            let stream = try HandDrivenStream(plugin, name)
            _ = try stream.open()
            let counts = try #require(stream.state.pointer).assumingMemoryBound(to: Int32.self)
            stream.producer.interrupt(stream.token, state: stream.state)
            #expect(counts[0] == 100)
            #expect(stream.close(.expired) == isOver)
            #expect(counts[0] == 101)
            #expect(counts[1] == CloseReason.expired.rawValue)
            free(stream)
        }
    }

    private func free(_ stream: HandDrivenStream) {
        stream.state.pointer?.deallocate()
        stream.state = .none
    }
}
