import Files

/// Tells which of the kernel's notices are about a directory of plugins, or about other files: each is followed by its
/// name, from the root and along every symbolic link, so that it is seen to come, to go, and to be replaced at any
/// place on the way.
struct FollowedPaths: Sendable {
    /// What the kernel said.
    enum News: Sendable, Equatable {
        case nothing
        /// These plugins have perhaps changed, and nothing else.
        case plugins(Set<String>)
        case anything

        mutating func add(_ other: News) {
            switch (self, other) {
            case (.plugins(let mine), .plugins(let others)): self = .plugins(mine.union(others))
            case (.nothing, _), (_, .anything): self = other
            case (_, .nothing), (.anything, _): break
            }
        }
    }

    private struct Interest {
        var names: Set<String> = []
        var isPlugins = false
    }

    private let kernel: KernelWatch
    private var interests: [Int32: Interest] = [:]

    init(_ kernel: KernelWatch) { self.kernel = kernel }

    /// Looks up anew where everything is. To be called after all news, and before anything is looked at: what happens
    /// from then on is told.
    mutating func follow(plugins directory: String, files: [String]) {
        let before = interests
        interests = [:]
        follow(directory, holdsContent: false)
        let watch = kernel.add(directory)
        if watch >= 0 { interests[watch, default: Interest()].isPlugins = true }
        for name in (try? names(in: directory)) ?? [] where DirectorySample.isPlugin(name) {
            let path = "\(directory)/\(name)"
            if readLink(path) != nil { follow(path, holdsContent: true) }
        }
        for file in files { follow(file, holdsContent: true) }
        for watch in before.keys where interests[watch] == nil { kernel.remove(watch) }
    }

    /// - Parameter holdsContent: what is behind the path is a file that may be written to.
    private mutating func follow(_ path: String, holdsContent: Bool) {
        for step in PathSteps(path) {
            let isFile = step.isLast && holdsContent
            let watch = kernel.add(step.directory, isFile ? KernelWatch.contents : KernelWatch.names)
            if watch >= 0 { interests[watch, default: Interest()].names.insert(step.name) }
        }
    }

    /// Takes what the kernel has to say.
    func news() -> News {
        var news = News.nothing
        for notice in kernel.take() { news.add(meaning(of: notice)) }
        return news
    }

    private func meaning(of notice: KernelWatch.Notice) -> News {
        if notice.isOverflow { return .anything }
        guard let interest = interests[notice.watch] else { return .nothing }
        // Of a directory itself: it is moved, or gone.
        if notice.name.isEmpty || interest.names.contains(notice.name) { return .anything }
        return interest.isPlugins && DirectorySample.isPlugin(notice.name) ? .plugins([notice.name]) : .nothing
    }
}
