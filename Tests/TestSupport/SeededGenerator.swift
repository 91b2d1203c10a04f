import Glibc

/// Random numbers that can be had again: SplitMix64, seeded from `SLUICE_TEST_SEED` if that is set. The seed is printed.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter test: names the test in the line that prints the seed.
    package init(test: String) {
        let given = getenv("SLUICE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        state = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
        print("\(test): SLUICE_TEST_SEED=\(state)")
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
