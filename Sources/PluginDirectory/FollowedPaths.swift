import Files

/// Finds the kernel's notices that are about a directory of plugins or about other files. Each path is followed by
/// name, from the root and along every symbolic link. So a file is noticed when it is created, removed or replaced, at
/// any place on its path.
struct FollowedPaths: Sendable {
    /// What the kernel's notices mean.
    enum News: Sendable, Equatable {
        case nothing
        /// Only these plugins may have changed.
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

    /// Looks up the paths again. Call it after reading all news and before looking at the files: later changes are then
    /// reported.
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

    /// - Parameter holdsContent: whether the path leads to a file whose content can change.
    private mutating func follow(_ path: String, holdsContent: Bool) {
        for step in PathSteps(path) {
            let isFile = step.isLast && holdsContent
            let watch = kernel.add(step.directory, isFile ? KernelWatch.contents : KernelWatch.names)
            if watch >= 0 { interests[watch, default: Interest()].names.insert(step.name) }
        }
    }

    /// Reads the kernel's notices.
    func news() -> News {
        var news = News.nothing
        for notice in kernel.take() { news.add(meaning(of: notice)) }
        return news
    }

    private func meaning(of notice: KernelWatch.Notice) -> News {
        if notice.isOverflow { return .anything }
        guard let interest = interests[notice.watch] else { return .nothing }
        // A notice without a name is about the directory itself, which was moved or removed.
        if notice.name.isEmpty || interest.names.contains(notice.name) { return .anything }
        return interest.isPlugins && DirectorySample.isPlugin(notice.name) ? .plugins([notice.name]) : .nothing
    }
}
