import Glibc

/// A repeatable random number generator: SplitMix64.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// Seeded from `SLUICE_TEST_SEED`, or else with a new seed. Prints the seed with the test's name, so that a failure
    /// can be repeated.
    package static func fromEnvironment(test: String) -> SeededRandom {
        let given = getenv("SLUICE_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        let seed = given ?? .random(in: .min ... .max)
        print("\(test): SLUICE_TEST_SEED=\(seed)")
        return SeededRandom(seed: seed)
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
