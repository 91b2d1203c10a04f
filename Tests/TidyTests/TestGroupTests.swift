import Testing

@Suite("The groups in which the tests run")
struct TestGroupTests {
    @Test("every target of tests is in one of them")
    func complete() throws {
        let lines = try Repository.file(".ci/test").lines.filter { $0.hasPrefix("units") || $0.contains("--filter") }
        let words = Set(lines.flatMap { $0.split { !$0.isLetter } })
        let targets = try Repository.names(in: "Tests").filter { $0.hasSuffix("Tests") }
        #expect(words.count > 15 && targets.count > 15)
        for target in targets {
            #expect(words.contains(target[...]) || words.contains(target.dropLast("Tests".count)), "\(target)")
        }
    }
}
