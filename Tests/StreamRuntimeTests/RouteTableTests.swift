import ProducerInterface
import Testing

@testable import StreamRuntime

@Suite("Routes")
struct RouteTableTests {
    func table(_ routes: String...) -> RouteTable {
        let generation = Generation(plugin: "fakes", number: 1)
        return RouteTable(
            routes.map { ProducerEntry(producer: FakeProducer(route: $0), generation: generation) })
    }

    /// The route that matches, and the values of its placeholders.
    func match(_ table: RouteTable, _ path: String) -> String? {
        table.match(path).map { match in
            ([match.producer.description.route] + match.values.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
        }
    }

    @Test(
        "a literal route matches only its own path",
        arguments: ["/a/b/", "/a", "a/b", "/a//b", "/A/b", "/a/b/c", "", "/", "//a/b"])
    func literal(_ other: String) {
        let table = table("/a/b")
        #expect(match(table, "/a/b") == "/a/b")
        #expect(match(table, other) == nil)
    }

    @Test("placeholders match whole segments that are not empty")
    func placeholders() {
        let table = table("/ticker/{symbol}", "/{a}/{b}/{c}")
        #expect(match(table, "/ticker/ACME") == "/ticker/{symbol} symbol=ACME")
        #expect(match(table, "/ticker/") == nil)
        #expect(match(table, "/ticker") == nil)
        #expect(match(table, "/ticker/x/") == nil)
        #expect(match(table, "/ticker/x/y") == "/{a}/{b}/{c} a=ticker b=x c=y")
        #expect(match(table, "/x//y") == nil)
    }

    @Test("the more literal route wins, from the left, in whatever order they were given")
    func specificity() {
        for routes in [["/{x}/b", "/a/{x}", "/a/b", "/{x}/{y}"], ["/{x}/{y}", "/a/b", "/a/{x}", "/{x}/b"]] {
            let table = RouteTable(
                routes.map {
                    ProducerEntry(producer: FakeProducer(route: $0), generation: Generation(plugin: "f", number: 1))
                })
            #expect(match(table, "/a/b") == "/a/b")
            #expect(match(table, "/a/c") == "/a/{x} x=c")
            #expect(match(table, "/c/b") == "/{x}/b x=c")
            #expect(match(table, "/c/d") == "/{x}/{y} x=c y=d")
        }
    }

    @Test("segments are compared and captured after percent-decoding; an encoded slash is part of a value")
    func percentDecoding() {
        let table = table("/ticker/{symbol}", "/häuser/neu")
        #expect(match(table, "/ticker/a%20b") == "/ticker/{symbol} symbol=a b")
        #expect(match(table, "/ticker/a%2Fb") == "/ticker/{symbol} symbol=a/b")
        #expect(match(table, "/%74icker/x") == "/ticker/{symbol} symbol=x")
        #expect(match(table, "/ticker%2Fx") == nil)
        #expect(match(table, "/h%C3%A4user/neu") == "/häuser/neu")
        #expect(match(table, "/h%c3%a4user%2Fneu") == nil)
        #expect(match(table, "/ticker/%25") == "/ticker/{symbol} symbol=%")
        #expect(match(table, "/ticker/%252F") == "/ticker/{symbol} symbol=%2F", "decoded once")
        #expect(match(table, "/ticker/a+b") == "/ticker/{symbol} symbol=a+b", "a plus is a plus in a path")
    }

    @Test(
        "a broken escape and invalid UTF-8 match nothing",
        arguments: ["%", "%4", "%4g", "%zz", "a%", "%C3", "%FF", "%ED%A0%80"])
    func broken(_ segment: String) {
        #expect(match(table("/ticker/{symbol}"), "/ticker/" + segment) == nil)
    }

    @Test("an empty table matches nothing; the root is a route like others")
    func edges() {
        #expect(match(RouteTable(), "/") == nil)
        #expect(match(table("/"), "/") == "/")
        #expect(match(table("/{x}"), "/") == nil)
        #expect(table("/b", "/a").entries.map(\.description.route) == ["/b", "/a"])
    }
}
