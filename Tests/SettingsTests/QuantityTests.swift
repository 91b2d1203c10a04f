import Testing

@testable import Settings

@Suite("Numbers with units, and addresses")
struct QuantityTests {
    @Test(
        "times are read exactly",
        arguments: [
            ("15", 15_000_000_000), ("1.5", 1_500_000_000), ("500ms", 500_000_000), ("15s", 15_000_000_000),
            ("2m", 120_000_000_000), ("0.5m", 30_000_000_000), ("1h", 3_600_000_000_000), ("0.010", 10_000_000),
            ("10.000000001ms", 10_000_000), ("1d", 86_400_000_000_000), ("007", 7_000_000_000),
        ] as [(String, Int64)])
    func times(text: String, nanoseconds: Int64) {
        let form = SettingForm.time(.milliseconds(10)...(.seconds(86400)))
        #expect(form.parse(text) == .nanoseconds(nanoseconds))
    }

    @Test(
        "sizes are read exactly",
        arguments: [("0", 0), ("65536", 65536), ("64k", 65536), ("64K", 65536), ("1M", 1 << 20)])
    func sizes(text: String, bytes: Int) {
        #expect(SettingForm<Int>.bytes(0...(1 << 20)).parse(text) == bytes)
    }

    @Test(
        "invalid text is rejected",
        arguments: [
            "", " ", "-1", "+1", "1 s", " 1", "s", ".5", "5.", "1.2.3", "1e3", "0x1", "١", "1x", "1ss", "1S", "15sec",
            "1,5",
            "99999999999999999999", "9223372036854775807d", "1.00000000000000000000000000001",
            "0.00000000000000000001", "0.0000000000000000000",
        ])
    func refused(text: String) {
        #expect(SettingForm<Duration>.time(.milliseconds(0)...(.seconds(86400))).parse(text) == nil)
        #expect(SettingForm<Int>.bytes(0...(1 << 40)).parse(text) == nil)
    }

    @Test("values out of range are rejected, up to the exact bounds")
    func borders() {
        let time = SettingForm<Duration>.time(.milliseconds(10)...(.seconds(60)), zero: "never")
        #expect(time.parse("10ms") != nil)
        #expect(time.parse("9.999999ms") == nil)
        #expect(time.parse("60") != nil)
        #expect(time.parse("60.000000001") == nil)
        #expect(time.parse("0") == .zero)
        #expect(SettingForm<Duration>.time(.milliseconds(10)...(.seconds(60))).parse("0") == nil)
        let count = SettingForm<Int>.count(1...255)
        #expect(count.parse("1") == 1)
        #expect(count.parse("255") == 255)
        #expect(count.parse("0") == nil)
        #expect(count.parse("256") == nil)
        #expect(count.parse("1k") == nil)
        #expect(SettingForm<Int>.bytes(0...100).parse("0.5k") == nil)
    }
}
