import Testing

@testable import PluginDirectory

@Suite("Waiting for a directory to come to rest")
struct DebounceTests {
    @Test("a change is reported once, when it has stayed the same for long enough")
    func rest() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        #expect(!look(0, at: 0) && debounce.nextLook == nil)
        #expect(!look(1, at: 1000) && debounce.nextLook == 1200)
        #expect(!look(1, at: 1100))
        #expect(look(1, at: 1200) && debounce.nextLook == nil)
        #expect(!look(1, at: 5000))
    }

    @Test("while changes continue, nothing is reported")
    func slowly() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        for step in 1...100 { #expect(!look(step, at: Int64(step) * 150)) }
        #expect(debounce.nextLook == 15_200)
        #expect(!look(100, at: 15_199))
        #expect(look(100, at: 15_200))
    }

    @Test("a change that is undone is reported, too: the state in between may have been loaded")
    func back() {
        var debounce = Debounce(0, rest: 200)
        func look(_ sample: Int, at now: Int64) -> Bool { debounce.look(sample, at: now) }
        #expect(!look(1, at: 0))
        #expect(!look(0, at: 100) && debounce.nextLook == 300)
        #expect(!look(0, at: 299))
        #expect(look(0, at: 300) && debounce.nextLook == nil)
        #expect(!look(0, at: 400))
        // A later change counts again.
        #expect(!look(1, at: 500))
        #expect(look(1, at: 700))
    }
}
