import StreamRuntime
import Testing

@testable import Control

@Suite("Metrics as text")
struct MetricsTextTests {
    @Test("a family has its help and its type once, then its samples; labels and help are escaped")
    func families() {
        var text = MetricsText()
        text.add(
            "a_total", .counter, #"Of C:\x,"# + "\n\"quoted\".",
            [
                .init([("plugin", #"a\b"#), ("reason", "say \"no\"\nnow")], 3), .init([("plugin", "ü")], 0),
            ])
        text.add("b", .gauge, "One.", -7)
        text.add("c_seconds", .gauge, "None.", [])
        #expect(
            text.text == #"""
                # HELP a_total Of C:\\x,\n"quoted".
                # TYPE a_total counter
                a_total{plugin="a\\b",reason="say \"no\"\nnow"} 3
                a_total{plugin="ü"} 0
                # HELP b One.
                # TYPE b gauge
                b -7
                # HELP c_seconds None.
                # TYPE c_seconds gauge

                """#)
    }

    @Test("numbers are written as Go reads them")
    func numbers() {
        let numbers: [(Double, String)] = [
            (0, "0"), (1.5, "1.5"), (1_796_119_332, "1796119332"), (0.00001, "1e-05"), (-2, "-2"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1e300, "1e+300"),
        ]
        for (number, expected) in numbers { #expect(MetricsText.Value.real(number).text == expected) }
        #expect(MetricsText.Value.whole(.max).text == "9223372036854775807")
    }

    @Test("the buckets of a histogram add up; the last is +Inf, and equals the count")
    func histograms() {
        var times = TimeHistogram()
        times.add(9_000)
        times.add(10_000)
        times.add(10_001, times: 3)
        times.add(-5)
        times.add(3_000_000_000, times: 2)
        times.add(60_000_000_000)
        var text = MetricsText()
        text.add("t_seconds", "Times.", [(labels: [("plugin", "p")], times: times)])
        let lines = text.text.split(separator: "\n").map(String.init)
        #expect(lines[0...1] == ["# HELP t_seconds Times.", "# TYPE t_seconds histogram"])
        let buckets = lines.filter { $0.hasPrefix("t_seconds_bucket{plugin=\"p\",le=") }
        #expect(buckets.count == TimeHistogram.bounds.count + 1 && lines.count == buckets.count + 4)
        #expect(buckets.first == #"t_seconds_bucket{plugin="p",le="1e-05"} 3"#)
        #expect(buckets[1] == #"t_seconds_bucket{plugin="p",le="0.0001"} 6"#)
        #expect(buckets.contains(#"t_seconds_bucket{plugin="p",le="1"} 6"#))
        #expect(buckets.contains(#"t_seconds_bucket{plugin="p",le="5"} 8"#))
        #expect(buckets.last == #"t_seconds_bucket{plugin="p",le="+Inf"} 9"#)
        let counts = buckets.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(counts == counts.sorted())
        #expect(lines.contains(#"t_seconds_sum{plugin="p"} 66.000049003"#))
        #expect(lines.last == #"t_seconds_count{plugin="p"} 9"#)
    }
}
