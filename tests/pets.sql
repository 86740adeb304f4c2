-- 8 keepers of 20 pets; the policy reads the keeper from the claims.
CREATE TABLE pets (id int PRIMARY KEY, name text NOT NULL, keeper text NOT NULL);
INSERT INTO pets SELECT n, 'pet ' || n, 'tenant-' || 1 + (n - 1) / 20 FROM generate_series(1, 160) AS n;
ALTER TABLE pets ENABLE ROW LEVEL SECURITY;
CREATE POLICY keepers ON pets TO role_readwrite
    USING (keeper = nullif(current_setting('request.jwt.claims', true), '')::json ->> 'user_type');
GRANT SELECT, INSERT, UPDATE, DELETE ON pets TO role_readwrite;
